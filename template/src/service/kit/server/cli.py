# kit: updated by the template; extend it from app.py
"""The command line is now `service.kit.commands`: what was imported from here still is."""

from service.kit.renamed import find_renamed


def __getattr__(name: str) -> object:
    return find_renamed(__name__, name)
