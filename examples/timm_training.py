"""timm's model, optimizer, schedule, loss and averaged weights on a Headrace loader:
python examples/timm_training.py food11.beton [EPOCHS]
"""

import sys

import timm
import torch
from timm.loss import SoftTargetCrossEntropy
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2
from timm.utils import ModelEmaV3, accuracy

from headrace import Preprocess, build_augmenter, open_loader


def main(data: str, epochs: int = 10, model_name: str = "resnet18") -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    train = open_loader(data, size=128, batch_size=64, tail="drop", device=device)
    val = open_loader(data, split="val", size=128, batch_size=64, device=device, train=False)
    classes, preprocess = train.records.manifest.classes, Preprocess.of(train)
    # In the place of timm's create_loader, its FastCollateMixup and PrefetchLoader.
    augment = build_augmenter(
        ["hflip", "trivial", "cutmix"],
        num_classes=len(classes),
        preprocess=preprocess,
        device=device,
    )
    model = timm.create_model(model_name, num_classes=len(classes)).to(device)
    averaged = ModelEmaV3(model, decay=0.99)
    optimizer = create_optimizer_v2(model, opt="adamw", lr=1e-3, weight_decay=0.05)
    scheduler, epochs = create_scheduler_v2(
        optimizer, "cosine", num_epochs=epochs, updates_per_epoch=len(train), step_on_epochs=False
    )
    loss_of, updates = SoftTargetCrossEntropy(), 0
    for epoch in range(epochs):
        model.train()
        for batch in train:
            images, targets = augment(batch.images, batch.labels)
            loss = loss_of(model(images), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            updates += 1
            averaged.update(model, step=updates)
            scheduler.step_update(updates)
        averaged.eval()
        with torch.no_grad():
            answers = [(averaged(preprocess.normalise(b.images)), b.labels) for b in val]
        logits, labels = (torch.cat(part) for part in zip(*answers, strict=True))
        top1, top5 = accuracy(logits, labels, topk=(1, 5))
        print(f"epoch {epoch}: loss {loss.item():.3f}, top-1 {top1:.1f} %, top-5 {top5:.1f} %")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]), *sys.argv[3:4])
