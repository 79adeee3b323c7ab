"""What device code would ask of a GPU, told without one: by simulated tensors."""
