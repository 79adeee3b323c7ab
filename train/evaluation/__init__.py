"""A model on held-out samples: what it says, how good that is, and its CSV."""
