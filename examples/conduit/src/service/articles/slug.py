"""Makes slugs of titles: what an article is called in its address."""

import re
import secrets
import unicodedata

OTHERS = re.compile(r"[^\w]+")


def make_slug(title: str) -> str:
    """Return a title in lower case, with hyphens for all but letters and digits."""
    plain = unicodedata.normalize("NFKC", title).lower()
    return OTHERS.sub("-", plain).strip("-") or "article"


def make_unique(slug: str) -> str:
    """Return a slug that no other article has, where another has the plain one."""
    return f"{slug}-{secrets.token_hex(4)}"
