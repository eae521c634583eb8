# kit: updated by the template; extend it from app.py
"""The error of a command."""


class CommandError(Exception):
    """Something that the user of a command has to fix.

    The message says what and how. It is shown without a traceback.
    """
