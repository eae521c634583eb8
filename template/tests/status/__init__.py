"""Tests of the status, through the whole application and on a real PostgreSQL."""
