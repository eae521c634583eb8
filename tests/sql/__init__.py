"""Faults in SQL that the suite of a service finds."""
