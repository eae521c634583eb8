# kit: updated by the template; extend it from app.py
"""What every service of this template shares. It imports nothing from the service around it."""
