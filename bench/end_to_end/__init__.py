"""Training from stored images to moved weights: with each loader, and beside other trainers."""
