"""Benchmarks: ours and others in one run, with the machine and the spread beside every number."""
