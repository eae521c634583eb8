# kit: updated by the template; extend it from app.py
"""Headers by name, and the preferences that `Accept` and `Accept-Encoding` express."""

import re

from service.kit.work.asgi import Fields, Headers

MAX_HEADER_LENGTH = 1000
"""Characters of an `Accept` or `Accept-Encoding`; a longer one is ignored.

Browsers send about 150.
"""

QVALUE = re.compile(r"q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII)


def merge_headers(headers: Headers) -> Fields:
    """Return headers by name. Repeated ones are joined by commas, by RFC 9110 §5.3."""
    fields = dict(headers)
    if len(fields) == len(headers):
        return fields
    fields = {}
    for name, value in headers:
        first = fields.get(name)
        fields[name] = value if first is None else first + b", " + value
    return fields


def split_cookies(headers: Headers) -> tuple[Fields, Headers]:
    """Return headers by name, and each `Set-Cookie` as it is: these cannot be joined."""
    fields = merge_headers(headers)
    if b"set-cookie" not in fields:
        return fields, []
    return fields, [pair for pair in headers if pair[0] == b"set-cookie"]


def parse_qvalues(header: str) -> dict[str, float]:
    """Return the weights (q) of an `Accept` or `Accept-Encoding` by lower-case name.

    By RFC 9110 §12.4.2. Malformed members, and parameters of media ranges, are ignored.
    """
    qvalues: dict[str, float] = {}
    if len(header) > MAX_HEADER_LENGTH:
        return qvalues
    for member in header.lower().split(","):
        name, *parameters = map(str.strip, member.split(";"))
        if "/" in name:
            parameters = [each for each in parameters if each.startswith("q")]
        match = QVALUE.fullmatch(";".join(parameters) if parameters else "q=1")
        if match:
            qvalues[name] = float(match[1])
    return qvalues
