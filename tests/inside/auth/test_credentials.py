import os
from pathlib import Path

import jwt
import pytest
from click.testing import CliRunner, Result
from service.kit.auth import keys
from service.kit.auth.key_set import KeySet
from service.kit.auth.keys import AuthOptions, IssuerOptions
from service.kit.commands.definition import ServiceDefinition
from service.kit.commands.key import print_key
from service.kit.server.settings import KitSettings
from service.kit.work.command_error import CommandError
from service_tools.dev import credentials
from service_tools.dev.commands import print_token
from service_tools.dev.credentials import KEY_FILE


class Issuing(KitSettings):
    auth: IssuerOptions


class Trusting(KitSettings):
    auth: AuthOptions


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without a key, and an environment without variables of tokens, which are restored afterwards."""
    for name in ("SIGNING_KEY", "PUBLIC_KEY", "PUBLIC_KEY_FILE", "JWKS_URL", "ISSUER", "AUDIENCE"):
        monkeypatch.setenv(f"AUTH_{name}", "")
        monkeypatch.delenv(f"AUTH_{name}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(kind: type[KitSettings], *arguments: str) -> Result:
    return CliRunner().invoke(print_token, arguments, obj=ServiceDefinition(kind, (), ""))


def read_options(kind: type[KitSettings]) -> AuthOptions | IssuerOptions:
    """Return the group `auth` of the environment."""
    given = {name.removeprefix("AUTH_").lower(): value for name, value in os.environ.items() if name[:5] == "AUTH_"}
    group = credentials.find_auth_group(kind)
    assert group
    return group.model_validate(given)


@pytest.mark.parametrize("kind", [Issuing, Trusting])
def test_a_service_in_development_takes_the_token_that_the_command_prints(kind: type[KitSettings], folder: Path):
    printed = call(kind, "--subject", "ada").output.strip()
    credentials.accept_development_tokens(kind)
    options = read_options(kind)
    key = next(iter(KeySet(options).by_id.values()))
    claims = jwt.decode(printed, key, ["EdDSA"], audience=options.audience, issuer=options.issuer)
    assert claims["sub"] == "ada"
    assert (folder / KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_the_key_of_development_stays_and_a_key_of_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch):
    credentials.accept_development_tokens(Issuing)
    first = os.environ["AUTH_SIGNING_KEY"]
    monkeypatch.delenv("AUTH_SIGNING_KEY")
    credentials.accept_development_tokens(Issuing)
    assert os.environ["AUTH_SIGNING_KEY"] == first
    monkeypatch.setenv("AUTH_SIGNING_KEY", other := keys.make_key())
    credentials.accept_development_tokens(Issuing)
    assert os.environ["AUTH_SIGNING_KEY"] == other


def test_a_service_with_keys_from_elsewhere_keeps_them_and_gives_no_tokens(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AUTH_JWKS_URL", "https://issuer.test/jwks.json")
    credentials.accept_development_tokens(Trusting)
    assert "AUTH_SIGNING_KEY" not in os.environ
    with pytest.raises(CommandError, match="AUTH_JWKS_URL is set, so tokens come from elsewhere"):
        credentials.sign_development_token(Trusting)


def test_empty_variables_are_no_keys_from_elsewhere(monkeypatch: pytest.MonkeyPatch):
    for name in ("AUTH_PUBLIC_KEY_FILE", "AUTH_SIGNING_KEY"):
        monkeypatch.setenv(name, "")
    credentials.accept_development_tokens(Trusting)
    assert os.environ["AUTH_PUBLIC_KEY"]
    assert credentials.sign_development_token(Trusting)


def test_a_service_that_checks_no_tokens_is_left_alone_and_says_so(folder: Path):
    credentials.accept_development_tokens(KitSettings)
    assert "AUTH_SIGNING_KEY" not in os.environ
    result = call(KitSettings)
    assert (result.exit_code, list(folder.iterdir())) == (1, [])
    assert "This service takes no tokens: its settings have no group `auth`." in result.output


def test_a_broken_key_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AUTH_SIGNING_KEY", "broken")
    with pytest.raises(CommandError, match=r"AUTH_SIGNING_KEY.*`uv run service key`"):
        credentials.sign_development_token(Issuing)


def test_the_command_makes_a_new_key_each_time_and_prints_its_public_half():
    lines = [CliRunner().invoke(print_key, []).output.splitlines() for _ in range(2)]
    assert lines[0] != lines[1]
    variable, _, key = lines[0][0].partition("=")
    assert variable == "AUTH_SIGNING_KEY"
    assert lines[0][1] == f"# public half: {keys.format_public_key(keys.read_private_key(key).public_key())}"


def test_a_key_of_ones_own_signs_for_the_issuer_of_development(monkeypatch: pytest.MonkeyPatch):
    key = keys.make_key()
    monkeypatch.setenv("AUTH_SIGNING_KEY", key)
    monkeypatch.setenv("AUTH_PUBLIC_KEY", keys.format_public_key(keys.read_private_key(key).public_key()))
    token = credentials.sign_development_token(Trusting)
    assert token
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["iss"], claims["aud"]) == ("development", "development")


@pytest.mark.parametrize(
    ("arguments", "claims"),
    [
        (["--scope", "operator"], {"scope": "operator"}),
        (["--scope", "a", "--scope", "b", "--claim", "scope=c"], {"scope": "a b"}),
        (["--claim", 'roles=["operator"]', "--claim", "tenant=acme"], {"roles": ["operator"], "tenant": "acme"}),
        (["--claim", "level=7", "--claim", "note=a=b", "--claim", "none="], {"level": 7, "note": "a=b", "none": ""}),
    ],
)
def test_the_command_signs_scopes_and_other_claims(arguments: list[str], claims: dict[str, object]):
    token = call(Issuing, *arguments).output.strip()
    signed = jwt.decode(token, options={"verify_signature": False})
    assert signed.items() >= claims.items()


@pytest.mark.parametrize(
    ("claim", "mend"),
    [("exp=1", "the claim exp is set for each token; give yours another name"), ("admin", "write NAME=VALUE")],
)
def test_a_claim_that_cannot_be_signed_is_refused(claim: str, mend: str):
    result = call(Issuing, "--claim", claim)
    assert (result.exit_code, mend in result.output) == (2, True)


def test_the_scheme_of_a_service_goes_before_its_token(monkeypatch: pytest.MonkeyPatch):
    class TokenOptions(IssuerOptions, frozen=True):
        scheme: str = "Token"

    class Settings(KitSettings):
        auth: TokenOptions

    for kind, scheme in ((Settings, "Token"), (Issuing, "Bearer"), (Trusting, "Bearer")):
        authorization = credentials.make_authorization(kind)
        assert authorization
        assert authorization.split()[0] == scheme
    monkeypatch.setenv("AUTH_SCHEME", "Key")
    assert str(credentials.make_authorization(Trusting)).startswith("Key ")
    assert credentials.make_authorization(KitSettings) is None
