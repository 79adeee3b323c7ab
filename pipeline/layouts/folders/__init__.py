"""Folders: which of them are splits, which classes, and what names of files say."""
