"""The service: start reading in app.py."""
