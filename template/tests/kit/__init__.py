# kit: updated by the template
"""The template's tests of a service: they hold for any slices."""
