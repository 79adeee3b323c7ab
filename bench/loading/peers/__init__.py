"""Other loaders, each as its own users run it, with the best settings that its documentation has.

Every module has `open_source(job) -> Source`; those that need a format of their own also have
`prepare(folder, out)`, which makes it from a tree of JPEGs in class folders. All deliver uint8
batches of random resized crops with a random flip, except the course script, which is as it is.
"""
