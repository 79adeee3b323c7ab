"""How the forward pass computes: number format and compiling."""
