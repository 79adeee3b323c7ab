"""Tests of train/, by its rooms."""
