"""Who asks: computed once for each request whose handler wants to know."""

from dataclasses import dataclass
from uuid import UUID

from service.kit.web import Caller, Problem


@dataclass(frozen=True)
class Viewer:
    """Who reads: a user, or somebody without a token, whose `id` is None."""

    id: UUID | None


@dataclass(frozen=True)
class Member:
    """The user who is signed in."""

    id: UUID


def find_viewer(caller: Caller | None) -> Viewer:
    """Return who reads. A token of `service token` names no user."""
    try:
        return Viewer(UUID(caller.id) if caller else None)
    except ValueError:
        return Viewer(None)


def require_member(viewer: Viewer) -> Member:
    """Return who is signed in. Raises a 401 problem."""
    if viewer.id is None:
        raise Problem(401, "unauthenticated", "The token names no user. Sign in.")
    return Member(viewer.id)
