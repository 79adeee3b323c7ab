"""Models by name: four of our own, and any of timm's and torchvision's; one file each."""

MODELS = {
    "homework-cnn": "headrace.train.models.homework_cnn",
    "resnet18-strided": "headrace.train.models.resnet18_strided",
    "resnet18-cifar": "headrace.train.models.resnet18_cifar",
    "small-resnet": "headrace.train.models.small_resnet",
}
"""Our own names and the modules that define `build(spec) -> nn.Module`."""

LIBRARIES = {
    "timm": "headrace.train.models.timm",
    "torchvision": "headrace.train.models.torchvision",
}
"""What stands before a colon, and the modules that define `build(name, spec, pretrained)`."""

RENAMED = {"report-resnet": "resnet18-strided"}
"""Earlier names, which go on working."""
