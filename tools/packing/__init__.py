"""Parts of the packer: decoding, encoding, writers, the parallel run."""
