"""Keys that an issuer publishes: whatever it answers, a fetch ends in time, holds little, and is no error of ours."""

import asyncio
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from inside import offloaded, peers
from inside.issuer import AUDIENCE, NAME, ask, issue
from inside.peers import Behaviour
from jwt.algorithms import OKPAlgorithm
from service.kit.auth import key_set
from service.kit.auth.bearer import Auth
from service.kit.auth.keys import AuthOptions
from service.kit.work import context
from service.kit.work.problems import Problem
from structlog.testing import capture_logs

KEY = Ed25519PrivateKey.generate()
PUBLISHED: dict[str, Any] = {**OKPAlgorithm.to_jwk(KEY.public_key(), as_dict=True), "kid": "a"}
PATIENT = 30.0
"""Longer than any test may take: what ends a test earlier is the bound that it is about."""


def write(*keys: object) -> bytes:
    """Return a set of keys."""
    return json.dumps({"keys": keys}).encode()


def make_auth(url: str, **options: float) -> Auth:
    names = {"issuer": NAME, "audience": AUDIENCE, "jwks_url": f"{url}/jwks.json"}
    return Auth(AuthOptions.model_validate(names | options))


async def try_token(auth: Auth) -> str | int:
    """Return who sends a request, or the status of the refusal."""
    try:
        return await ask(auth, f"Bearer {issue(KEY, name='a')}")
    except Problem as problem:
        return problem.status


HEALTHY = peers.answer(200, write(PUBLISHED))
BAD: dict[str, tuple[Behaviour, dict[str, float]]] = {
    "says nothing": (peers.say_nothing, {"jwks_timeout": 0.3}),
    "stops after the headers": (peers.send_headers_only, {"jwks_timeout": 0.3}),
    "trickles": (peers.trickle, {"jwks_timeout": 0.3}),
    "resets": (peers.reset, {}),
    "closes early": (peers.close_early, {}),
    "talks nonsense": (peers.talk_nonsense, {}),
    "answers 404": (peers.answer(404), {}),
    "answers 500": (peers.answer(500), {}),
    "sends a gigabyte": (peers.send_a_gigabyte, {}),
    "sends a bomb": (peers.answer_compressed(20_000_000), {}),
    "sends more than allowed": (HEALTHY, {"jwks_bytes": 40}),
    "sends elsewhere": (peers.answer(302, b"", "location: /elsewhere.json"), {}),
}


@pytest.mark.faults
@pytest.mark.parametrize("fault", BAD)
async def test_without_keys_the_answer_is_503_in_time_and_when_the_issuer_is_well_again_it_is_not(
    fault: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(key_set, "MIN_FETCH_INTERVAL", 0)
    behaviour, options = BAD[fault]
    async with peers.run(behaviour) as peer, asyncio.timeout(PATIENT):
        auth = make_auth(peer.url, **({"jwks_timeout": 10} | options))
        with capture_logs() as lines:
            assert await try_token(auth) == 503
        assert [line["event"] for line in lines if line["log_level"] == "warning"][-1] == "jwks_unreadable"
        assert peer.sent < 50_000_000, "most of the gigabyte was never read"
    async with peers.run(HEALTHY) as peer:
        healed = make_auth(peer.url, jwks_timeout=10)
        auth.keys.source = healed.keys.source
        assert await try_token(auth) == "ada"


NESTED = b"[" * 100_000
MALFORMED = [
    b"",
    b"null",
    b"7",
    b'"keys"',
    b"[]",
    b"{}",
    b'{"keys": null}',
    b'{"keys": 7}',
    b'{"keys": "keys"}',
    b'{"keys": {"a": 1}}',
    b'{"keys": []}',
    b'{"keys": ' + NESTED,
    NESTED,
    b'{"a":' * 100_000,
    b"\xff\xfe\x00",
    b'{"keys": [{"kty": "\xff"}]}',
    b"<html>",
    b"9" * 10_000,
]


@pytest.mark.parametrize("body", MALFORMED, ids=range(len(MALFORMED)))
async def test_what_is_no_set_of_keys_is_a_503(body: bytes):
    async with peers.run(peers.answer(200, body)) as peer:
        assert await try_token(make_auth(peer.url, jwks_timeout=10)) == 503


ODD: list[object] = [
    None,
    7,
    "a",
    [],
    {},
    {"kty": None},
    {"kty": ["OKP"]},
    {"kty": "OKP"},
    {"kty": "OKP", "crv": ["Ed25519"], "x": "AA"},
    {"kty": "OKP", "crv": "Ed25519"},
    {"kty": "OKP", "crv": "Ed25519", "x": 7},
    {"kty": "OKP", "crv": "Ed25519", "x": "é"},
    {"kty": "RSA"},
    {"kty": "RSA", "n": 7, "e": None},
    {"kty": "RSA", "n": "", "e": ""},
    {"kty": "EC", "crv": "P-256", "x": "AA", "y": {}},
    {"kty": "oct", "k": None},
    {"kty": {"a": 1}, "alg": {"b": 2}},
    *({**PUBLISHED, "kid": kid} for kid in (7, 1.5, True, [], ["a"], {}, {"a": 1})),
    {**PUBLISHED, "kid": "b", "use": []},
    {**PUBLISHED, "kid": "b", "alg": ["EdDSA"]},
    {**PUBLISHED, "kid": "b", "alg": 10**400},
]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
async def test_a_key_that_cannot_be_read_keeps_no_other_from_use(odd: object):
    async with peers.run(peers.answer(200, write(odd, PUBLISHED, odd))) as peer:
        assert await try_token(make_auth(peer.url, jwks_timeout=10)) == "ada"


async def test_a_fetch_is_for_all_requests_and_has_more_time_than_the_one_that_began_it():
    answered = asyncio.Event()

    async def answer_late(peer: peers.Peer, writer: asyncio.StreamWriter) -> None:
        await answered.wait()
        await HEALTHY(peer, writer)

    async with peers.run(answer_late) as peer:
        auth = make_auth(peer.url, jwks_timeout=10)
        context.begin_work(seconds=0)
        first = asyncio.create_task(try_token(auth))
        await offloaded.until(lambda: len(peer.requests) == 1)
        first.cancel()
        second = asyncio.create_task(try_token(auth))
        answered.set()
        assert await second == "ada"
        assert len(peer.requests) == 1


async def test_keys_are_fetched_by_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch):
    async with peers.run(HEALTHY) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("//", "//me:secret@"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert await try_token(make_auth("http://issuer.test", jwks_timeout=10)) == "ada"
        assert proxy.requests[0].startswith(b"GET http://issuer.test/jwks.json ")
        assert b"proxy-authorization: basic " in proxy.requests[0].lower()
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        async with peers.run(HEALTHY) as peer:
            assert await try_token(make_auth(peer.url, jwks_timeout=10)) == "ada"
            assert len(peer.requests) == 1
