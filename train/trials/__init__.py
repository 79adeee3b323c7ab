"""Several runs of one kind, one fold or one seed apart, and what they say together."""
