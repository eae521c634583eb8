"""What a process shows Prometheus, as the tests look for it."""

import re

import httpx2

SERVICE_NAME = re.compile(r'service_name="[^"]*",?')


def read_metrics(port: int) -> str:
    """Return the text of `/metrics`, without the label that every sample has."""
    text = httpx2.get(f"http://127.0.0.1:{port}/metrics", timeout=20).text
    return SERVICE_NAME.sub("", text).replace(",}", "}").replace("{}", "")
