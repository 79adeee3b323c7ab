"""Generators of labelled images: from records, into records, judged by what they add."""
