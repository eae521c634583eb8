"""One machine: the scripts and the commands of its page call what they should of a stub of docker."""

import re

import pytest

from tests.deploy.compose_file import read_compose
from tests.deploy.docker_stub import Host
from tests.harness import shell
from tests.harness.programs import find_program
from tests.harness.snapshot import ROOT


@pytest.fixture
def host(render, tmp_path):
    return Host(render(deploy="compose"), tmp_path)


def test_secrets_are_made_once_and_only_their_owner_gets_to_them(host):
    code, printed = host.run("./secrets.sh", "my-service:1")
    assert code == 0, printed
    folder = host.deploy / "secrets"
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert set(made) == set(read_compose(host.deploy)["secrets"])
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}, "its owner changes one in its place"
    password = made["database_password"]
    assert re.fullmatch("[0-9a-f]{64}", password)
    assert made["database_url"] == f"postgresql://service:{password}@pgbouncer:6432/service"
    assert made["database_direct_url"] == f"postgresql://service:{password}@postgres:5432/service"
    assert made["pgbouncer_userlist"] == f'"service" "{password}"\n'
    assert made["auth_signing_key"] == "a-key"
    (folder / "grafana_password").unlink()
    assert host.run("./secrets.sh", "my-service:1") == (0, "made secrets/grafana_password\n")
    again = {path.name: path.read_text() for path in folder.iterdir()}
    assert {name for name in made if made[name] != again[name]} == {"grafana_password"}


def test_a_new_password_is_in_every_file_that_has_it(host):
    host.prepare("my-service:1")
    folder = host.deploy / "secrets"
    before = {path.name: (path.stat().st_ino, path.read_text()) for path in folder.iterdir()}
    host.take_calls()
    assert host.run("./rotate-password.sh", failing="*exec*")[0] == 1
    assert {path.name: (path.stat().st_ino, path.read_text()) for path in folder.iterdir()} == before
    assert host.run("./rotate-password.sh")[0] == 0
    after = {path.name: path.read_text() for path in folder.iterdir()}
    old, new = before["database_password"][1], after["database_password"]
    changed = {name for name, (_, text) in before.items() if text != after[name]}
    assert changed == {"database_password", "database_url", "database_direct_url", "pgbouncer_userlist"}
    for name in changed:
        assert after[name] == before[name][1].replace(old, new)
        assert (folder / name).stat().st_ino == before[name][0], "what is mounted is the file, and not its name"
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}
    assert host.take_calls()[-1].endswith("docker compose exec -T pgbouncer kill -HUP 1"), "no stop, as `kill` is"


def test_a_key_that_could_not_be_made_is_said_and_leaves_no_empty_file(host):
    code, printed = host.run("./secrets.sh", "my-service:1", failing="*")
    assert code == 0, printed  # the stub printed the key before it failed
    (host.deploy / "secrets/auth_signing_key").unlink()
    (host.deploy.parent.parent / "bin/docker").write_text("#!/bin/sh\necho 'no such image' >&2\nexit 1\n")
    code, printed = host.run("./secrets.sh", "my-service:1")
    assert code == 1
    assert printed == "no such image\nsecrets/auth_signing_key was not made: see the message above.\n"
    assert not list(host.deploy.glob("secrets/auth_signing_key*"))


def test_a_release_migrates_and_replaces_one_after_the_other(host):
    host.prepare("my-service:1")
    host.take_calls()
    code, printed = host.run("./release.sh", "my-service:1")
    assert (code, printed) == (0, "my-service:1 runs.\n")
    up = "my-service:1: docker compose up --detach --no-deps"
    assert host.take_calls() == [
        "my-service:1: docker compose config --quiet",
        "my-service:1: docker compose config",
        "my-service:1: docker image inspect my-service:1",
        f"{up} --no-recreate --wait postgres pgbouncer",
        "my-service:1: docker compose run --rm --no-deps migrate",
        f"{up} --wait --wait-timeout 90 worker",
        f"{up} --wait --wait-timeout 90 web-a",
        f"{up} --wait --wait-timeout 90 web-b",
        f"{up} --no-recreate --wait caddy",
        f"{up} --no-recreate --wait backup",
    ]
    assert host.run("./release.sh", "my-service:2")[0] == 0
    assert (host.deploy / ".env").read_text() == "DOMAIN=api.example.com\nIMAGE=my-service:2\n"


def test_a_version_that_does_not_become_ready_is_taken_back(host):
    host.prepare("my-service:1")
    assert host.run("./release.sh", "my-service:1")[0] == 0
    host.take_calls()
    code, printed = host.run("./release.sh", "my-service:2", failing="my-service:2:*--wait-timeout*web-a")
    assert code == 1
    assert printed.endswith(
        "web-a did not become ready with my-service:2: its last lines are above. my-service:1 runs again.\n"
    )
    replaced = [call for call in host.take_calls() if "--wait-timeout" in call or "logs" in call]
    up = "docker compose up --detach --no-deps --wait --wait-timeout 90"
    assert replaced == [
        f"my-service:2: {up} worker",
        f"my-service:2: {up} web-a",
        "my-service:2: docker compose logs --tail 20 web-a",
        f"my-service:1: {up} web-a",
        f"my-service:1: {up} worker",
    ]
    assert (host.deploy / ".env").read_text().endswith("IMAGE=my-service:1\n")


@pytest.mark.parametrize(
    ("failing", "message"),
    [
        ("*compose config --quiet", ""),
        ("*my-service:1", "There is no image my-service:1, here or in its registry.\n"),
        ("*migrate", "The migrations failed, and nothing was replaced.\n"),
    ],
    ids=["configuration", "image", "migration"],
)
def test_a_release_that_cannot_go_on_replaces_nothing(host, failing, message):
    host.prepare("my-service:1")
    host.take_calls()
    code, printed = host.run("./release.sh", "my-service:1", failing=failing)
    assert (code, printed) == (1, message)
    assert not [call for call in host.take_calls() if "--wait-timeout" in call]


def test_a_missing_secret_and_a_missing_domain_are_named(host):
    code, printed = host.run("./release.sh", "my-service:1")
    assert (code, printed) == (
        1,
        "Write the name of the service into deploy/.env first, as in DOMAIN=api.example.com\n",
    )
    host.prepare("my-service:1")
    (host.deploy / "secrets/database_url").unlink()
    code, printed = host.run("./release.sh", "my-service:1")
    missing = f"{host.deploy}/secrets/database_url is missing or empty. ./secrets.sh makes those of the template.\n"
    assert (code, printed) == (1, missing)
    for script in ("./secrets.sh", "./release.sh"):
        code, printed = host.run(script)
        assert code != 0
        assert f"{script} my-service:0.1.0" in printed


def walk_page(host):
    """Type all commands of the page, and return the calls of docker."""
    page = (ROOT / "docs/one-host.md").read_text()
    script = "set -e\n" + "".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL))
    code, printed = host.run("sh", "-c", f"cd ..\n{script}")
    assert code == 0, printed
    return [call.partition(": docker ")[2] for call in host.take_calls()]


def test_the_commands_of_the_page_lead_through_it(host):
    calls = walk_page(host)
    assert len([call for call in calls if call.endswith("--wait-timeout 90 web-b")]) == 3, "two versions, and back"
    assert (host.deploy / ".env").read_text() == "DOMAIN=api.example.com\nIMAGE=my-service:0.1.0\n"
    for call in calls:
        for path in re.findall(r"/opt/(backup/\S+)", call):
            assert (host.deploy / path).is_file()


@pytest.mark.slow
def test_compose_knows_every_command_that_the_page_and_the_scripts_type(host):
    services = set(read_compose(host.deploy)["services"])
    compose = find_program("docker-compose")
    checked = 0
    for call in {call for call in walk_page(host) if call.startswith("compose ")}:
        words = call.split()[1:]
        options = words[: 2 * words.count("--profile")]
        command, *rest = words[len(options) :]
        shell.run(compose, *options, command, "--help", *rest, cwd=host.deploy)
        named = {word for word in rest if re.fullmatch("[a-z]+(-[ab])?", word)}
        assert command in ("config", "pull", "up", "ps") or named & services, call
        checked += 1
    assert checked > 15
