"""A client of a service that is about to listen."""

import time
import urllib.error
import urllib.request

SIGN = """
import sys
from service.kit.auth import IssuerOptions
print(IssuerOptions(signing_key=sys.argv[1]).sign("ada"))
"""
"""A token, for which production has no command."""


def wait_for_answer(url: str, token: str) -> bytes:
    """Return the body of the first answer, which a service that has just started gives within 30 s."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(request, timeout=2) as response:
                return response.read()
        except urllib.error.URLError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
