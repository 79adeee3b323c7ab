"""The stages in which a run is opened, in the order of assemble.py; each gives one frozen part."""
