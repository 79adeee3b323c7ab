"""Training: one configuration, one loop, one run folder."""
