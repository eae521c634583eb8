# kit: updated by the template
"""Tools."""
