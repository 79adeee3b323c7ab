"""Samples that someone should look at again: doubtful labels, and images that are there twice."""
