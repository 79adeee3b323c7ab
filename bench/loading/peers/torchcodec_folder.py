"""TorchCodec's image decoder in torch's DataLoader, with torchvision's transforms v2.

TorchCodec is what torchvision names as the successor of its own image decoders. A list of files is
decoded no faster on a CPU than one after the other, says its documentation, so each worker process
decodes image by image, as with any other dataset. Its decoder is always on the CPU here: on a GPU
it decodes whole batches, of which a dataset's worker knows nothing. It needs no FFmpeg for images.
"""

from __future__ import annotations

from torchvision.datasets import ImageFolder

from headrace.bench.loading.loader_under_test import Job, Source
from headrace.bench.loading.peers.image_folder import (
    DataLoaderSource,
    tensor_transform,
    training_loader,
)
from headrace.pipeline.errors import MissingPackageError


def open_source(job: Job) -> Source:
    """The folder, decoded by TorchCodec in worker processes.

    Raises:
        MissingPackageError: if TorchCodec is not installed, or was built for another torch.
    """
    try:
        from torchcodec.decoders import decode_image
    except (ImportError, OSError, RuntimeError) as error:
        reason = f"TorchCodec cannot be imported ({error}): install headrace[bench]"
        raise MissingPackageError(reason) from None
    dataset = ImageFolder(job.path, transform=tensor_transform(job), loader=decode_image)
    dataset.samples = dataset.samples * job.repeat
    return DataLoaderSource(training_loader(dataset, job), job.device)
