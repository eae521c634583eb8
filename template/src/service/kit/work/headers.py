# kit: updated by the template; extend it from app.py
"""Headers of requests: by name, and what clients accept."""

import re

from service.kit.work.asgi import Fields, Headers

MAX_HEADER_LENGTH = 1000
"""Characters of an `Accept` or `Accept-Encoding`; a longer one counts as none. Browsers send about
150."""


WEIGHT = re.compile(r"q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII)


def merge_headers(headers: Headers) -> Fields:
    """Return headers by name. Repeated ones are joined by commas, as RFC 9110 §5.3 allows (but for
    `Set-Cookie`).
    """
    fields = dict(headers)
    if len(fields) < len(headers):
        fields = {}
        for name, value in headers:
            fields[name] = fields[name] + b", " + value if name in fields else value
    return fields


def split_cookies(headers: Headers) -> tuple[Fields, Headers]:
    """Return headers by name, and the cookies among them, which cannot be joined."""
    fields = merge_headers(headers)
    return fields, [
        pair for pair in headers if pair[0] == b"set-cookie"
    ] if b"set-cookie" in fields else []


def parse_qvalues(header: str) -> dict[str, float]:
    """Return the weights (q) that an `Accept` or `Accept-Encoding` gives, by lower-case name, by
    RFC 9110 §12.4.2.

    Malformed members are left out, and other parameters of media ranges are ignored.
    """
    weights = {}
    for member in header.lower().split(",") if len(header) <= MAX_HEADER_LENGTH else ():
        name, *parameters = [split_cookies.strip() for split_cookies in member.split(";")]
        if "/" in name:
            parameters = [
                split_cookies for split_cookies in parameters if split_cookies.startswith("q")
            ]
        if match := WEIGHT.fullmatch(";".join(parameters) if parameters else "q=1"):
            weights[name] = float(match[1])
    return weights
