"""Augmentation engines against each other: ours, torchvision, Kornia, albumentations."""
