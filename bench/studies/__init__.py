"""Closed questions: the first line of each file is the question with its answer."""
