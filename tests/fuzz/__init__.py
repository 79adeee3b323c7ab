"""Damaged and hostile record files by the thousand, through every loader: `python -m tests.fuzz`."""
