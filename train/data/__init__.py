"""The data of one run: which samples and labels, through which loaders."""
