"""From a folder of images to a Listing: which samples there are, their splits and labels."""
