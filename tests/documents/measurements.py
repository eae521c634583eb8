"""The measurements that a document quotes, and what makes each short enough for a test."""

MEASUREMENTS = {
    "update": ["--rounds", "1"],
    "conduit": ["--rounds", "1", "--seconds", "0.5"],
    "tokens": [],
    "flood": ["--rounds", "1"],
    "paging": ["--rows", "900", "--skip", "500", "--rounds", "2", "--requests", "5"],
    "first_request": ["--warm-only"],
    "keys": ["--rounds", "2", "--requests", "5"],
    "start": ["--rounds", "1", "--workers", "1", "--requests", "5"],
    "pool": ["--rounds", "2", "--statements", "50"],
    "compression": ["--rows", "2000", "--rounds", "1"],
    "compare": ["--rows", "900", "--rounds", "1", "--seconds", "0.2", "--overload", "0.5"],
    "export": ["--rows", "900", "--rounds", "1"],
    "parts": ["--rows", "900", "--rounds", "1", "--seconds", "0.2"],
    "versions": ["--rows", "900", "--rounds", "1", "--seconds", "0.2"],
    "neighbours": ["--rows", "900", "--rounds", "1", "--seconds", "0.5"],
    "jobs": ["--rounds", "1", "--seconds", "0.2", "--jobs", "200", "--held", "20"],
    "streams": ["--streams", "10", "--seconds", "0.2"],
    "capacity": ["--rows", "900", "--rounds", "1", "--seconds", "0.2"],
    "pieces": [],
    "offload": ["--rows", "900", "--rounds", "1", "--seconds", "0.5"],
}
"""The modules of tests/performance that are run, with what makes it short."""
