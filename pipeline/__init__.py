"""From packed records to batches on the device; see CONTRIBUTING.md for where things are."""
