"""The operations as batched torch on any device: pure functions of images and draws, no sync."""
