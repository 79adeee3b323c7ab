"""The loaders: one module per decoder, imported only when its name is asked for."""
