"""Parts of the packer: JPEG headers, decoding, encoding, writers, the parallel run."""
