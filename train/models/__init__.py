"""Models by name: our own, any of timm's, torchvision's and torch.hub's, and a user's own file."""

MODELS = {
    "homework-cnn": "headrace.train.models.homework_cnn",
    "report-resnet": "headrace.train.models.report_resnet",
    "report-resnet-unpooled": "headrace.train.models.report_resnet_unpooled",
    "report-resnet-deep": "headrace.train.models.report_resnet_deep",
    "report-resnet-dropout": "headrace.train.models.report_resnet_dropout",
    "resnet18": "headrace.train.models.resnet18",
    "resnet18-cifar": "headrace.train.models.resnet18_cifar",
    "resnet18-strided": "headrace.train.models.resnet18_strided",
    "airbench": "headrace.train.models.airbench",
    "small-resnet": "headrace.train.models.small_resnet",
}
"""Our own names and the modules that define `build(spec) -> nn.Module`."""

LIBRARIES = {
    "timm": "headrace.train.models.timm",
    "torchvision": "headrace.train.models.torchvision",
    "hub": "headrace.train.models.hub",
}
"""What stands before a colon, and the modules that define `build(name, spec, pretrained)`, and
`statistics(name)` where it is known how their published weights were normalised."""
