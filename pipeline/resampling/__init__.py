"""Antialiased bilinear crop-and-resize on the CPU; see README.md here."""
