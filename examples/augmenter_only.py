"""Headrace's augmenter behind somebody else's DataLoader:
python examples/augmenter_only.py FOLDER [EPOCHS], with a folder for each class in FOLDER

The workers only decode and resize; each batch is then augmented as a whole, on the device, with
another draw for each image.
"""

import sys

import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.models import resnet18
from torchvision.transforms import v2

from headrace import Preprocess, build_augmenter


def main(folder: str, epochs: int = 10) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    to_bytes = v2.Compose([v2.PILToTensor(), v2.RandomResizedCrop(128, antialias=True)])
    images = ImageFolder(folder, to_bytes)  # uint8: what is a float by now cannot be augmented
    loader = DataLoader(images, batch_size=64, shuffle=True, num_workers=2)
    augment = build_augmenter(
        "report", num_classes=len(images.classes), preprocess=Preprocess(size=128), device=device
    )
    model = resnet18(num_classes=len(images.classes)).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for epoch in range(epochs):
        for batch, labels in loader:
            batch = batch.to(device, memory_format=torch.channels_last)
            inputs, targets = augment(batch, labels.to(device))
            loss = cross_entropy(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch}: loss {loss.item():.3f}")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
