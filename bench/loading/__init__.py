"""Loaders against each other: ours, peers and ceilings, on the same images."""
