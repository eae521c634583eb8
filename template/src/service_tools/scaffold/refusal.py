# kit: updated by the template; extend it from app.py
"""Why nothing is made."""

import click


class Refusal(click.ClickException):
    """The order cannot be carried out, and nothing was changed. The message says what is accepted."""
