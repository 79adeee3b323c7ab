"""Records in other people's training loops, beyond what every loader does by itself."""
