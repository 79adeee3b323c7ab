"""A plain PyTorch loop: python examples/plain_loop.py food11.beton [EPOCHS]"""

import sys

import torch
from torch.nn.functional import cross_entropy
from torchvision.models import resnet18

from headrace import Preprocess, build_augmenter, open_loader


def main(data: str, epochs: int = 10) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    train = open_loader(data, split="train", size=128, batch_size=64, device=device)
    val = open_loader(data, split="val", size=128, batch_size=64, device=device, train=False)
    classes, preprocess = train.records.manifest.classes, Preprocess.of(train)
    augment = build_augmenter(
        "flip", num_classes=len(classes), preprocess=preprocess, device=device
    )
    model = resnet18(num_classes=len(classes)).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for epoch in range(epochs):
        model.train()
        for batch in train:  # the next epoch each time; train.state_dict() says where it is
            images, targets = augment(batch.images, batch.labels)
            loss = cross_entropy(model(images), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            answers = [(model(preprocess.normalise(b.images)).argmax(1), b.labels) for b in val]
        right = torch.cat([predicted == labels for predicted, labels in answers])
        print(f"epoch {epoch}: loss {loss.item():.3f}, accuracy {right.float().mean().item():.3f}")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
