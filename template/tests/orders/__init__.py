"""Tests of orders, through the whole application and on a real PostgreSQL."""
