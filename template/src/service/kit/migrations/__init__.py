# kit: updated by the template; extend it from app.py
"""Migrations: the files, and how one is run. What applies them is `kit/migrate.py`."""
