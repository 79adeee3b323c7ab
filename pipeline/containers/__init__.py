"""Where samples are kept: one file to read a format, one to write it, and what they share."""
