# kit: updated by the template; extend it from app.py
"""What checks, plans and measures the statements of a service. Tests and tools use it; a running service does not."""
