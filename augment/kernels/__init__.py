"""The operations as numba kernels of one image after the other, for the CPU.

A cached kernel is compiled together with what it calls; pipeline/jit.py sees to it that an edit of
any file here compiles it anew.
"""
