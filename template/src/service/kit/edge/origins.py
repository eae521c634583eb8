# kit: updated by the template; extend it from app.py
"""Origins, hosts, and names of methods and headers, as settings list them."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

ANY_ORIGIN = "*"

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?")
DEFAULT_PORT = re.compile(r"(?<=^http)(://.+):80$|(?<=^https)(://.+):443$")
"""The port that browsers leave out of an origin."""


def normalize_origins(text: str) -> str:
    """Return origins as browsers spell them: in lower case, without a default port or a path.

    Raises ValueError.
    """
    if text.strip() == ANY_ORIGIN:
        return ANY_ORIGIN
    origins = []
    for item in text.split(","):
        origin = item.strip().lower().removesuffix("/")
        if origin and not ORIGIN.fullmatch(origin):
            advice = (
                "write each like https://app.example.com or http://localhost:5173, or `*` alone"
            )
            raise ValueError(f"`{item.strip()}` is not an origin; {advice}")
        origins.append(DEFAULT_PORT.sub(r"\1\2", origin))
    return ",".join(filter(None, origins))


Origins = Annotated[str, AfterValidator(normalize_origins)]
"""A comma-separated list of origins, as an option."""

Hosts = Annotated[str, Field(pattern=r"^([^/:\[]|\[[^]]*\])*$")]
"""A comma-separated list of host names without scheme and port, as an option."""

Names = Annotated[str, Field(pattern=r"^$|^[\w-]+(, ?[\w-]+)*$")]
"""A comma-separated list of methods or headers, as an option."""
