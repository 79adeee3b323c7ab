"""accelerate, on one device or several: accelerate launch examples/accelerate_loop.py food11.beton

Each process opens a loader of its own share. Loader and augmenter are registered, so that
`load_state` goes on in the middle of an epoch: after Ctrl-C, run it again.
"""

import sys
from pathlib import Path

import torch
from accelerate import Accelerator
from torch.nn.functional import cross_entropy
from torchvision.models import resnet18

from headrace import Preprocess, build_augmenter, open_loader


def main(data: str, epochs: int = 10, folder: str = "accelerate_run") -> None:
    accelerator = Accelerator()
    share = {"rank": accelerator.process_index, "world_size": accelerator.num_processes}
    train = open_loader(
        data, size=128, batch_size=64, tail="drop", device=accelerator.device, **share
    )
    classes, preprocess = train.records.manifest.classes, Preprocess.of(train)
    augment = build_augmenter(
        "report",
        num_classes=len(classes),
        seed=accelerator.process_index,
        preprocess=preprocess,
        device=accelerator.device,
    )
    model = resnet18(num_classes=len(classes))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model, optimizer = accelerator.prepare(model, optimizer)
    accelerator.register_for_checkpointing(train, augment)
    if Path(folder).exists():
        accelerator.load_state(folder)
    for epoch in range(train.position[0], epochs):
        for batch in train:
            images, targets = augment(batch.images, batch.labels)
            loss = cross_entropy(model(images), targets)
            optimizer.zero_grad()
            accelerator.backward(loss)
            optimizer.step()
            if train.position[1] % 20 == 0:
                accelerator.save_state(folder)
        accelerator.print(f"epoch {epoch}: loss {loss.item():.3f}")
        accelerator.save_state(folder)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]), *sys.argv[3:4])
