import asyncio
import base64
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from inside.issuer import AUDIENCE, NAME, ask, issue, make_options, publish
from prometheus_client import REGISTRY
from pydantic import SecretStr, ValidationError
from service.kit.auth import key_set, keys
from service.kit.auth.bearer import Auth
from service.kit.auth.keys import AuthOptions, IssuerOptions
from service.kit.server.settings import KitSettings, SettingsError, read_settings
from service.kit.work.problems import Problem

KEY = Ed25519PrivateKey.generate()
OTHER = Ed25519PrivateKey.generate()
HOUR = 3600
PUBLIC = keys.format_public_key(KEY.public_key())


def write_part(text: str) -> str:
    """Return a part of a token."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


BAD = [
    (issue(KEY, exp=int(time.time()) - 11), "it has expired"),
    (issue(KEY, nbf=int(time.time()) + HOUR), "it is not valid yet"),
    (issue(KEY, iss="https://elsewhere.test"), "it comes from another issuer"),
    (issue(KEY, aud="another"), "it is for another service"),
    (issue(KEY, sub=7), "it is malformed"),
    (issue(KEY, sub="\ud800"), "it is malformed"),
    (issue(KEY, roles=["\udfff"]), "it is malformed"),
    (issue(KEY, exp=10**400), "it is malformed"),
    (issue(KEY, exp=float("inf")), "it is malformed"),
    (issue(KEY, nbf=float("inf")), "it is malformed"),
    (issue(KEY, nbf=10**400), "it is not valid yet"),
    (f"{write_part('[' * 30_000)}.e30.AAAA", "it is malformed"),
    (f"{write_part(f'{{"alg": "EdDSA", "kid": {10**400}}}')}.e30.AAAA", "it is malformed"),
    *((issue(KEY, without=claim), f"it has no `{claim}`") for claim in ("exp", "iss", "aud", "sub")),
    (issue(OTHER), "its signature is wrong"),
    (issue(KEY)[:-4] + "AAAA", "its signature is wrong"),
    (issue("x" * 32, "HS256"), "it is signed with another algorithm"),
    (issue(None, "none"), "it is signed with another algorithm"),
    (issue(rsa.generate_private_key(65537, 2048), "RS256"), "it is signed with another algorithm"),
    ("a.b.c", "it is malformed"),
    ("ÿ", "it is malformed"),
    ("x" * 5000, "it is malformed"),
]


def count(outcome: str) -> float:
    return REGISTRY.get_sample_value("auth_tokens_total", {"outcome": outcome}) or 0


async def refuse(auth: Auth, *headers: str) -> Problem:
    with pytest.raises(Problem) as raised:
        await ask(auth, *headers)
    return raised.value


async def test_the_bearer_of_a_token_is_its_subject():
    auth = Auth(make_options(KEY))
    assert await ask(auth, f"Bearer {issue(KEY)}") == "ada"
    assert await ask(auth, f"bearer  {issue(KEY, sub='grace')}") == "grace"


@pytest.mark.parametrize("headers", [[], ["Basic YWRhOnB3"], ["Bearer"], ["Bearer "], ["token"]])
async def test_a_request_without_a_token_is_asked_for_one(headers: list[str]):
    before = count("missing")
    problem = await refuse(Auth(make_options(KEY)), *headers)
    assert (problem.status, problem.headers) == (401, {"www-authenticate": "Bearer"})
    assert "Authorization: Bearer TOKEN" in problem.detail
    assert count("missing") == before + 1


@pytest.mark.parametrize(("token", "reason"), BAD, ids=range(len(BAD)))
async def test_a_token_that_does_not_count_is_refused_with_the_reason(token: str, reason: str):
    before = count("refused")
    problem = await refuse(Auth(make_options(KEY)), f"Bearer {token}")
    assert (problem.status, problem.headers) == (401, {"www-authenticate": 'Bearer error="invalid_token"'})
    assert problem.detail == f"The token is refused: {reason}. Get a new one."
    assert count("refused") == before + 1


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
        ("PS256", rsa.generate_private_key(65537, 2048)),
        ("RS256", rsa.generate_private_key(65537, 2048)),
    ],
    ids=["ES256", "PS256", "RS256"],
)
async def test_tokens_of_another_algorithm_count_where_the_settings_name_it(
    algorithm: str, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
):
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    pem = key.public_key().public_bytes(*form).decode()
    auth = Auth(make_options(KEY, algorithm=algorithm, public_key=pem))
    assert await ask(auth, f"Bearer {issue(key, algorithm)}") == "ada"
    assert "another algorithm" in (await refuse(auth, f"Bearer {issue(KEY)}")).detail


async def test_a_token_signed_with_the_public_key_as_a_secret_is_refused():
    problem = await refuse(Auth(make_options(KEY)), f"Bearer {issue(PUBLIC, 'HS256')}")
    assert "another algorithm" in problem.detail


async def test_two_tokens_are_refused_even_if_both_are_good():
    problem = await refuse(Auth(make_options(KEY)), f"Bearer {issue(KEY)}", f"Bearer {issue(KEY)}")
    assert "another Authorization header" in problem.detail


async def test_a_known_token_is_not_verified_again_and_still_expires(monkeypatch: pytest.MonkeyPatch):
    auth, token, before = Auth(make_options(KEY)), issue(KEY, exp=int(time.time()) + 60), count("verified")
    for _ in range(3):
        assert await ask(auth, f"Bearer {token}") == "ada"
    assert count("verified") == before + 1
    late = time.time() + 71
    monkeypatch.setattr("service.kit.auth.bearer.time.time", lambda: late)
    assert "it has expired" in (await refuse(auth, f"Bearer {token}")).detail


async def test_no_more_tokens_are_remembered_than_the_settings_say():
    auth, before = Auth(make_options(KEY, cache_size=2)), count("verified")
    sent = [issue(KEY, sub=name) for name in ("ada", "grace", "alan")]
    for token in [*sent, sent[2], sent[0]]:
        await ask(auth, f"Bearer {token}")
    assert count("verified") == before + 4
    assert auth.verify_cached.cache_info().currsize == 2


async def test_a_known_token_costs_a_small_part_of_a_new_one():
    auth = Auth(make_options(KEY))
    sent = [f"Bearer {issue(KEY, sub=str(number))}" for number in range(100)]
    spent = []
    for _ in range(2):
        began = time.process_time()
        for header in sent:
            await ask(auth, header)
        spent.append(time.process_time() - began)
    assert spent[1] < spent[0] / 5


async def test_the_tokens_of_the_previous_key_count_until_it_is_taken_out():
    old, new = keys.make_key(), keys.make_key()
    previous = keys.format_public_key(keys.read_private_key(old).public_key())
    token = IssuerOptions(signing_key=SecretStr(old)).sign("ada")
    after = IssuerOptions(signing_key=SecretStr(new), previous_key=previous)
    assert await ask(Auth(after), f"Bearer {token}") == "ada"
    assert await ask(Auth(after), f"Bearer {after.sign('grace')}") == "grace"
    problem = await refuse(Auth(IssuerOptions(signing_key=SecretStr(new))), f"Bearer {token}")
    assert "a key that its issuer does not have" in problem.detail


def test_previous_keys_may_be_pem_and_one_line_in_one_text():
    texts = [keys.format_public_key(keys.read_private_key(keys.make_key()).public_key()) for _ in range(3)]
    pem = keys.to_pem("PUBLIC KEY", texts[0]).decode()
    for together in (f"{pem}{texts[1]}\n{texts[2]}", f"{texts[1]} {texts[2]}\n{pem}"):
        read = [keys.format_public_key(key) for key in keys.read_public_keys(together)]
        assert sorted(read) == sorted(texts)


def publish_options(url: str) -> AuthOptions:
    return AuthOptions.model_validate({"issuer": NAME, "audience": AUDIENCE, "jwks_url": url})


async def test_published_keys_are_read_once_and_again_for_a_new_one(monkeypatch: pytest.MonkeyPatch):
    with publish() as publisher:
        publisher.keys = {"a": KEY}
        auth = Auth(publish_options(publisher.url))
        sent = f"Bearer {issue(KEY, name='a')}"
        assert await asyncio.gather(*(ask(auth, sent) for _ in range(20))) == ["ada"] * 20
        assert publisher.reads == 1
        publisher.keys = {"b": OTHER}
        monkeypatch.setattr(key_set, "MIN_FETCH_INTERVAL", 0)
        assert await ask(auth, f"Bearer {issue(OTHER, name='b')}") == "ada"
        assert publisher.reads == 2
        assert "a key that its issuer does not have" in (await refuse(auth, sent)).detail


async def test_made_up_key_ids_do_not_make_requests_to_the_issuer():
    with publish() as publisher:
        publisher.keys = {"a": KEY}
        auth = Auth(publish_options(publisher.url))
        for number in range(20):
            problem = await refuse(auth, f"Bearer {issue(OTHER, name=f'made-up-{number}')}")
            assert problem.status == 401
        assert publisher.reads == 1


async def test_keys_stay_while_the_issuer_is_away_and_without_any_the_answer_is_503(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(key_set, "MIN_FETCH_INTERVAL", 0)
    sent = f"Bearer {issue(KEY, name='a')}"
    with publish() as publisher:
        publisher.keys = {"a": KEY}
        publisher.broken = True
        auth = Auth(publish_options(publisher.url))
        problem = await refuse(auth, sent)
        assert (problem.status, problem.headers) == (503, {"retry-after": "1"})
        publisher.broken = False
        assert await ask(auth, sent) == "ada"
    monkeypatch.setattr(auth.keys, "max_age", 0)
    assert await ask(auth, sent) == "ada"
    await auth.keys.fetch_unknown()
    assert await ask(auth, sent) == "ada"


async def test_the_token_of_a_withdrawn_key_is_refused_once_the_keys_are_old(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(key_set, "MIN_FETCH_INTERVAL", 0)
    sent = f"Bearer {issue(KEY, name='a')}"
    with publish() as publisher:
        publisher.keys = {"a": KEY, "b": OTHER}
        auth = Auth(publish_options(publisher.url))
        assert await ask(auth, sent) == "ada"
        publisher.keys = {"b": OTHER}
        assert await ask(auth, sent) == "ada"
        monkeypatch.setattr(auth.keys, "max_age", 0)
        await ask(auth, sent)
        await auth.keys.fetch_unknown()
        assert "a key that its issuer does not have" in (await refuse(auth, sent)).detail


async def test_an_issuer_that_hangs_delays_nobody_whose_key_is_known(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(key_set, "MIN_FETCH_INTERVAL", 0)
    sent = f"Bearer {issue(KEY, name='a')}"
    with publish() as publisher:
        publisher.keys = {"a": KEY}
        auth = Auth(publish_options(publisher.url))
        assert await ask(auth, sent) == "ada"
        monkeypatch.setattr(auth.keys, "max_age", 0)
        publisher.delay = 1
        async with asyncio.timeout(0.5):
            assert await ask(auth, sent) == "ada"
        await auth.keys.fetch_unknown()
        assert publisher.reads == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"public_key": None}, "set AUTH_PUBLIC_KEY or AUTH_JWKS_URL"),
        ({"jwks_url": "https://issuer.test/jwks.json"}, "and not both"),
        ({"public_key": "secret"}, "it is not a public key"),
        ({"jwks_url": "ftp://issuer.test", "public_key": None}, "URL scheme should be 'http' or 'https'"),
        ({"algorithm": "HS256"}, "Input should be 'EdDSA', 'ES256', 'PS256' or 'RS256'"),
    ],
)
def test_settings_that_cannot_check_a_token_are_refused(changes: dict[str, str | None], message: str):
    with pytest.raises(ValidationError, match=message):
        make_options(KEY, **changes)


class Issuing(KitSettings):
    auth: IssuerOptions


@pytest.mark.parametrize("key", [None, "", "secret", PUBLIC], ids=["none", "empty", "no key", "public"])
def test_without_a_signing_key_the_service_does_not_start_and_says_what_makes_one(
    monkeypatch: pytest.MonkeyPatch, key: str | None
):
    monkeypatch.setenv("DATABASE_URL", "postgresql://me@host/name")
    if key is None:
        monkeypatch.delenv("AUTH_SIGNING_KEY", raising=False)
    else:
        monkeypatch.setenv("AUTH_SIGNING_KEY", key)
    with pytest.raises(SettingsError, match=r"AUTH_SIGNING_KEY: .*`uv run service key`") as raised:
        read_settings(Issuing)
    assert not key or key not in str(raised.value)


def test_a_key_is_read_from_one_line_and_from_pem():
    text = keys.make_key()
    pem = f"-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"
    assert keys.get_key_id(keys.read_private_key(pem).public_key()) == keys.get_key_id(
        keys.read_private_key(text).public_key()
    )
    with pytest.raises(ValueError, match="make one with `uv run service key`"):
        keys.read_private_key("bm9uc2Vuc2U=")


def test_a_token_has_more_claims_and_none_in_place_of_those_that_each_has():
    options = IssuerOptions(signing_key=SecretStr(keys.make_key()))
    caller = Auth(options).verify_token(options.sign("ada", roles=["admin"], scope="read", **{"https://a.test/b": 1}))
    assert caller.id == "ada"
    assert caller.claims.items() >= {"roles": ["admin"], "scope": "read", "https://a.test/b": 1}.items()
    for name in ("iss", "aud", "sub", "iat", "nbf", "exp"):
        with pytest.raises(ValueError, match=f"the claim {name} is set for each token"):
            options.sign("ada", **{name: "x"})


@pytest.mark.parametrize("scheme", ["", "a b", "Bearer\n", "é", "=x"])
def test_a_scheme_is_one_word(scheme: str):
    with pytest.raises(ValidationError, match="scheme"):
        make_options(KEY, scheme=scheme)
