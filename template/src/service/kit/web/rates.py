# kit: updated by the template; extend it from app.py
"""How often a route may be called: `@routes.get("", limit=Rate(100, per=60))`. Each worker counts for itself."""

import time
from dataclasses import dataclass
from math import ceil

from service.kit.edge import Problem, asgi, metrics

MOST = 10_000
"""Callers that a worker remembers for one rate, in some 2 MB. The one unheard of for longest is forgotten first."""


@dataclass(frozen=True)
class Rate:
    """So many requests in `per` seconds: for each caller where a route needs a token, elsewhere for each address.

    They may come all at once; each is given back a moment later than the one before. An IPv6 address counts as its
    network of 64 bits. `Routes(…, limit=…)` is one rate for all its routes together.
    """

    requests: int
    per: float

    def __post_init__(self) -> None:
        if self.requests < 1 or self.per <= 0:
            raise ValueError(f"{self} lets nobody in; allow at least one request in more than 0 seconds")


class Counts:
    """What each caller has used of a rate: the time at which all of it will have been given back."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self.whole_at: dict[str, float] = {}

    def take(self, scope: asgi.Scope) -> None:
        """Count a request. Raises a 429 problem when it is one too many."""
        key = scope["auth"].id if "auth" in scope else asgi.name_client(scope)
        now, share = time.monotonic(), self.rate.per / self.rate.requests
        whole_at = max(now, self.whole_at.pop(key, now))
        wait = round(whole_at + share - now - self.rate.per, 6)
        self.whole_at[key] = whole_at if wait > 0 else whole_at + share
        if len(self.whole_at) > MOST:
            del self.whole_at[next(iter(self.whole_at))]
        if wait > 0:
            metrics.meters().limited.labels(scope["path_template"]).inc()
            allowed = f"{self.rate.requests:,} requests in {self.rate.per:g} seconds are allowed here"
            retry = {"retry-after": str(ceil(wait))}
            raise Problem(429, "too-many-requests", f"{allowed}. Try again in {ceil(wait)} seconds.", headers=retry)
