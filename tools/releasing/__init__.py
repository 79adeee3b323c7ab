"""Parts of tools/release.py: what makes two builds the same."""
