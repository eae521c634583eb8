"""Measurements behind the figures in README.md and docs/. They are commands, not tests: machines differ."""
