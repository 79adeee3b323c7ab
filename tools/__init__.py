"""Command-line tools: make a sample data set, pack, inspect, preview."""
