"""The sections of a page, a file each: `make(subject)` gives a Section, or None of nothing."""
