# kit: updated by the template; extend it from app.py
"""Who may call a route: anyone, the bearers of tokens, or those whom a check lets in."""

import re
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum, auto
from typing import Any

from service.kit.auth.bearer import Auth, Caller
from service.kit.work.arguments import name_function

WORD = re.compile(r"[!#-\[\]-~]+")
"""A scope (RFC 6749, section 3.3)."""


class Access(Enum):
    """Who may call a route: the bearer of a valid token, a token being optional or not, or anyone.

    A token that is sent to a route with OPTIONAL_TOKEN must be valid.
    """

    NEEDS_TOKEN = auto()
    OPTIONAL_TOKEN = auto()
    PUBLIC = auto()


NEEDS_TOKEN = Access.NEEDS_TOKEN
OPTIONAL_TOKEN = Access.OPTIONAL_TOKEN
PUBLIC = Access.PUBLIC

CALLERS: Mapping[object, str] = {
    NEEDS_TOKEN: "token",
    OPTIONAL_TOKEN: "anyone, or token",
    PUBLIC: "anyone",
    None: "nobody",
}

type Check = Callable[..., bool | Awaitable[bool]]
"""Lets in the bearer of a token if it returns True. It may raise a problem instead, and is given
what a provider is given."""


class AccessError(TypeError):
    """Nobody decided who may call some routes. The message names each, and says what to write."""


class Needs:
    """Access for tokens that have all of these words among their scopes and roles.

    They are in the claims `scope`, separated by spaces, and `roles`, a list (RFC 9068).
    """

    def __init__(self, *words: str) -> None:
        if not words or not all(map(WORD.fullmatch, words)):
            advice = "name one scope or role in each argument, like Needs('admin')"
            raise ValueError(f"{advice}, and not {words}")
        self.words = words

    def __call__(self, caller: Caller, auth: Auth) -> bool:
        grants = read_grants(caller.claims)
        missing = [word for word in self.words if word not in grants]
        if missing:
            raise auth.refuse_access(missing)
        return True


def read_grants(claims: Mapping[str, Any]) -> set[str]:
    """Return the scopes and roles of a token. Claims of another shape count as none."""
    grants: set[str] = set()
    scope = claims.get("scope")
    if isinstance(scope, str):
        grants.update(scope.split())
    roles = claims.get("roles")
    if isinstance(roles, list):
        grants.update(role for role in roles if isinstance(role, str))
    return grants


def describe_access(access: Access | Check | None) -> str:
    """Return in a few words who may call a route."""
    if isinstance(access, Needs):
        return f"token with {' and '.join(access.words)}"
    if isinstance(access, Access | None):
        return CALLERS[access]
    return f"token, if {name_function(access)}"
