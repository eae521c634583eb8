# kit: updated by the template; extend it from app.py
"""The command line is now `service.kit.commands`; imports from here still work, with a warning."""

from service.kit.renamed import find_renamed

__getattr__ = find_renamed(__name__)
