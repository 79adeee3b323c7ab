"""Settings: what one run is, as flags, as YAML and as frozen dataclasses."""
