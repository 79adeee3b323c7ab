"""What a GPU has to be asked itself: one section, one file; each part runs in its own process."""
