"""The operations as numba kernels of one image after the other, for the CPU.

A cached kernel is compiled together with what it calls, and numba notices a change only in the file
of the kernel itself: no file here imports another, and a function that two of them need stands in
both, word for word (a test compares them).
"""
