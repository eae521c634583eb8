"""Tests of the service, beside those of the kit."""
