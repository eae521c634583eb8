"""The commands that people type first: `run.py`, and those of the documents."""
