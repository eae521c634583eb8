"""The template's own code."""
