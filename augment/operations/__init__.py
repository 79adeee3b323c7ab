"""What a recipe's steps are made of: their settings, and how random numbers become draws.

geometry, tone, colour, detail, erase and mix have a file of the same name in each of three folders:
here, in `torch_code/` (the same for a whole batch on any device) and in `kernels/` (the CPU's).
"""
