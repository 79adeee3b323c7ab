"""Lightning, and going on in the middle of an epoch: python examples/lightning_loop.py food11.beton

After Ctrl-C run it again: it goes on at the step of its last checkpoint, with the batches that
would have come. With more epochs it goes on after its end.
"""

import sys
from pathlib import Path

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.nn.functional import cross_entropy
from torchvision.models import resnet18

from headrace.train.integrations.lightning_data import RecordsDataModule


class Classifier(LightningModule):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.model = resnet18(num_classes=num_classes)

    def forward(self, images):
        return self.model(images)

    def training_step(self, batch, batch_idx):
        images, targets = batch  # augmented and normalised, on the device
        return cross_entropy(self(images), targets)

    def validation_step(self, batch, batch_idx):
        images, labels = batch
        right = (self(images).argmax(1) == labels).float().mean()
        self.log("accuracy", right, prog_bar=True, batch_size=len(labels))

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-3)


def main(data: str, epochs: int = 10, folder: str = "lightning_run") -> None:
    records = RecordsDataModule(data, recipe="report", size=128, batch_size=64)
    saved = ModelCheckpoint(
        folder, filename="last", every_n_train_steps=20, enable_version_counter=False
    )
    trainer = Trainer(
        max_epochs=epochs, callbacks=[saved], logger=False, enable_progress_bar=sys.stderr.isatty()
    )
    last = Path(folder) / "last.ckpt"
    trainer.fit(
        Classifier(len(records.classes)),
        datamodule=records,
        ckpt_path=last if last.exists() else None,
        weights_only=False,  # the checkpoint is our own
    )
    trainer.save_checkpoint(last)
    print(f"accuracy {trainer.callback_metrics['accuracy'].item():.3f}")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]), *sys.argv[3:4])
