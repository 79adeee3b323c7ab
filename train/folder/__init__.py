"""The run folder: what is in it, who may write it, what is saved and how it is resumed."""
