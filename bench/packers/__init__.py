"""Packers against each other: ours, FFCV's and webdataset's writers."""
