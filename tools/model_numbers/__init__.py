"""A model in numbers: its layers and what they compute, and the memory that a step takes."""
