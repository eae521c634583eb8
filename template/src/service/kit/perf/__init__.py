# kit: updated by the template; extend it from app.py
"""`service perf`: requests of the scenarios in perf/scenarios/, the load that they make, and what is measured of it."""
