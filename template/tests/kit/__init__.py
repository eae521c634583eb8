# kit: updated by the template
"""Tests of the kit: they hold whatever the service around it does."""
