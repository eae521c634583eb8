# kit: updated by the template; extend it from app.py
"""What every service of this template shares. It imports nothing from the service around it."""

PACKAGE = __name__.partition(".")[0]
"""The name of the service's own package."""
