"""Tokens as attackers write them: each is refused with a 401, whatever is in it."""

import base64
import itertools
import json
import time
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from inside.issuer import AUDIENCE, NAME, ask, issue, make_options
from service.kit.auth import keys
from service.kit.auth.bearer import Auth
from service.kit.work.problems import Problem

KEY = Ed25519PrivateKey.generate()
ID = keys.get_key_id(KEY.public_key())
VALUES: list[object] = [
    None,
    True,
    0,
    -1,
    10**400,
    1e400,
    float("nan"),
    "",
    "none",
    "EdDSA",
    "\ud800",
    "\x00",
    ID,
    "x" * 60_000,
    [],
    ["EdDSA"],
    {},
    {"a": [1]},
]
HEADER = {"alg": "EdDSA", "typ": "JWT", "kid": ID}
NOW = int(time.time())
CLAIMS = {"iss": NAME, "aud": AUDIENCE, "sub": "ada", "nbf": NOW, "exp": NOW + 3600}
NESTED = "[" * 30_000 + "]" * 30_000


def write(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def sign(header: bytes, payload: bytes) -> str:
    """Return a token that is signed by the right key, whatever it says."""
    signed = f"{write(header)}.{write(payload)}"
    return f"{signed}.{write(KEY.sign(signed.encode()))}"


def dump(value: object) -> bytes:
    return json.dumps(value).encode()


def make_tokens() -> Iterator[str]:
    """Yield tokens with each part of them spoilt in every way."""
    for name, value in itertools.product((*HEADER, "crit", "b64", "jwk", "jku", "x5c"), VALUES):
        if HEADER.get(name) != value and name not in ("typ", "jwk", "jku", "x5c"):
            yield sign(dump(HEADER | {name: value}), dump(CLAIMS | {"iss": "another"}))
    for name, value in itertools.product(CLAIMS, VALUES):
        yield sign(dump(HEADER), dump(CLAIMS | {name: value, "aud": "another"}))
    for value in (*(dump(it) for it in VALUES), NESTED.encode(), b"", b"{", b"\xff", b'{"a":' * 9000):
        yield sign(value, dump(CLAIMS))
        yield sign(dump(HEADER), value)
    good = sign(dump(HEADER), dump(CLAIMS))
    header, payload, signature = good.split(".")
    for padding in ("=", "=" * 60_000, "!" * 60_000, "A" * 60_000, "\nx", " x", "é", "\x00", "."):
        yield f"{good}{padding}"
        yield f"{header}{padding}.{payload}.{signature}"
        yield f"{header}.{payload}{padding}.{signature}"
        yield f"{header}.{payload}.{signature[:9]}{padding}{signature[9:]}"
    yield from ("", ".", "..", "...", f".{payload}.{signature}", f"{header}..{signature}")
    yield from (f"{header}.{payload}.", f"{header}.{payload}", f"{good}.{good}", "." * 60_000)
    yield from (good[:length] for length in range(0, len(good) - 1, 7))


@pytest.mark.parametrize("several", [False, True], ids=["one key", "several keys"])
async def test_a_hostile_token_is_refused_and_never_an_error_of_ours(several: bool):
    auth = Auth(make_options(KEY))
    if several:
        auth.keys.any_id = False
        auth.keys.by_id = {ID: KEY.public_key(), "other": Ed25519PrivateKey.generate().public_key()}
    assert await ask(auth, f"Bearer {sign(dump(HEADER), dump(CLAIMS))}") == "ada"
    tokens = list(make_tokens())
    assert len(tokens) > 200
    for token in tokens:
        with pytest.raises(Problem) as refused:
            await ask(auth, f"Bearer {token}")
        assert refused.value.status == 401, token[:300]


async def test_one_token_has_one_spelling():
    """Or each of them would be another entry of the cache, as long as its padding."""
    auth, token = Auth(make_options(KEY)), issue(KEY)
    for spelling in (f"{token}=", f"{token}{'=' * 60_000}", f"{token[:-9]}!{token[-9:]}"):
        with pytest.raises(Problem, match="401 unauthenticated"):
            await ask(auth, f"Bearer {spelling}")
    assert auth.verify_cached.cache_info().currsize == 0
