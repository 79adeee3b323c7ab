"""Damaged and hostile record files by the thousand, through loaders: `python -m tests.fuzz`."""
