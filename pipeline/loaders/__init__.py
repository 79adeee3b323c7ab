"""The loaders: one module per decoder, imported only when its name is asked for."""

LOADERS = {
    "torchvision": "headrace.pipeline.loaders.torchvision",
    "ffcv": "headrace.pipeline.loaders.ffcv",
    "dali": "headrace.pipeline.loaders.dali",
    "native": "headrace.pipeline.loaders.native",
    "resident": "headrace.pipeline.loaders.resident",
}
"""Loader names and the modules that define `open_backend(records, config, chosen) -> Backend`;
`chosen` is (n,) int64, the records that take part."""

WITHOUT_LEVELS = ("ffcv",)
"""Those that know nothing of smaller sizes of a record: their plans read the images themselves."""
