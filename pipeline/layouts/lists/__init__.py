"""List files: from text to the images, labels and splits that it says."""
