"""One machine: Compose and Caddy take their files, which restart, bound, hide and stop services as they should."""

import json
import re
import shutil

import pytest

from tests.deploy.compose_file import check_schema, read_compose
from tests.harness import shell
from tests.harness.programs import find_program
from tests.harness.snapshot import ROOT

LASTING = ("restart", "logging", "healthcheck", "deploy")
"""What each service has that is there for good."""


@pytest.mark.parametrize(("place", "jobs"), [("compose", False), ("kubernetes", True)])
def test_compose_has_what_its_schema_asks_for(render, place, jobs):
    deploy = render(deploy=place, jobs=jobs) / "deploy"
    check_schema(deploy)
    services = read_compose(deploy)["services"]
    assert ("worker" in services) == jobs
    for service in services.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source == "./backups" or not source.startswith(".") or (deploy / source).is_dir(), volume


def test_the_demo_migrates_past_the_pool(render):
    environment = read_compose(render() / "deploy")["services"]["web"]["environment"]
    assert "pgbouncer:6432" in environment["DATABASE_URL"]
    assert "postgres:5432" in environment["DATABASE_DIRECT_URL"]


@pytest.fixture
def services(render):
    return read_compose(render(deploy="compose") / "deploy")["services"]


def test_what_is_there_for_good_restarts_is_watched_and_bounded(services):
    lasting = {name: it for name, it in services.items() if name != "migrate"}
    for name, service in lasting.items():
        assert [it for it in LASTING if it not in service] == [], name
        assert service["restart"] == "unless-stopped"
        assert service["logging"]["options"]["max-size"], "or a log fills the disk"
        assert service["deploy"]["resources"]["limits"]["memory"], name
        assert not service["healthcheck"].get("disable"), name
    assert services["web-a"] == services["web-b"]


def test_backups_are_written_into_a_folder_of_any_user(services):
    assert services["backup"]["cap_drop"] == ["ALL"]
    assert services["backup"]["cap_add"] == ["DAC_OVERRIDE"], "without it, root is refused as others are"


def test_only_the_proxy_is_public(services):
    published = {(name, port) for name, it in services.items() for port in it.get("ports", [])}
    public = {(name, port) for name, port in published if not port.startswith("127.0.0.1:")}
    assert public == {("caddy", "80:80"), ("caddy", "443:443"), ("caddy", "443:443/udp")}


def test_no_secret_stands_in_the_file_and_each_is_made(render, services):
    compose = read_compose(render(deploy="compose") / "deploy")
    script = (render(deploy="compose") / "deploy/secrets.sh").read_text()
    for name, secret in compose["secrets"].items():
        assert secret == {"file": f"secrets/{name}"}
        assert name in script
    asked = {secret for service in services.values() for secret in service.get("secrets", [])}
    assert asked == set(compose["secrets"])
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            secret = re.search(r"PASSWORD|KEY|_URL", name)
            assert not secret or (name.endswith("_FILE") and value.removeprefix("/run/secrets/") in asked), name


def test_what_stops_has_the_time_that_it_needs(render, services):
    proxy = (render(deploy="compose") / "deploy/caddy/Caddyfile").read_text()
    seconds = {name: float(value) for name, value in re.findall(r"(\w+) (\d+)m?s$", proxy, re.MULTILINE)}
    web = services["web-a"]
    delay = float(web["environment"]["SERVER_DRAIN_DELAY"])
    code = (ROOT / "template/src/service/kit/server/http_server.py").read_text()
    kill, idle = (
        float(re.findall(rf"^    {it}: .*= (\d+)$", code, re.MULTILINE)[0]) for it in ("kill_timeout", "idle_timeout")
    )
    assert delay > seconds["health_interval"] + seconds["health_timeout"]
    assert float(web["stop_grace_period"].rstrip("s")) > delay + kill
    assert float(services["caddy"]["stop_grace_period"].rstrip("s")) > seconds["grace_period"]
    assert seconds["keepalive"] < idle


@pytest.mark.slow
def test_caddy_takes_its_file_as_it_is(render, tmp_path):
    file = render(deploy="compose") / "deploy/caddy/Caddyfile"
    caddy = find_program("caddy")
    shell.run(caddy, "validate", "--config", file, "--adapter", "caddyfile", cwd=tmp_path, DOMAIN="api.example.com")
    assert shell.run(caddy, "fmt", file, cwd=tmp_path) == file.read_text()


@pytest.mark.slow
def test_compose_itself_takes_the_file_with_what_a_team_adds(render, tmp_path):
    deploy = tmp_path / "deploy"
    shutil.copytree(render(deploy="compose") / "deploy", deploy)
    page = (ROOT / "docs/one-host.md").read_text()
    (own,) = re.findall(r"```yaml\n# deploy/compose.override.yaml\n(.*?)```", page, re.DOTALL)
    (deploy / "compose.override.yaml").write_text(own)
    (deploy / "settings.env").write_text("EDGE_HOSTS=api.example.com\n")
    compose = find_program("docker-compose")
    code, printed = shell.attempt(compose, "config", cwd=deploy, IMAGE="my-service:1")
    assert code != 0
    assert "Write it into deploy/.env, like DOMAIN=api.example.com" in printed
    (deploy / ".env").write_text("DOMAIN=api.example.com\nIMAGE=my-service:1\n")
    command = [compose, "--profile", "monitoring", "config", "--format", "json"]
    resolved = json.loads(shell.run(*command, cwd=deploy))
    for name in ("web-a", "web-b", "worker", "migrate"):
        service = resolved["services"][name]
        assert service["image"] == "my-service:1"
        assert service["environment"]["EDGE_HOSTS"] == "api.example.com"
        assert service["environment"]["DATABASE_URL_FILE"] == "/run/secrets/database_url"
    assert resolved["services"]["worker"]["environment"]["MAIL_PASSWORD_FILE"] == "/run/secrets/mail_password"
    files = [it["file"] for it in resolved["secrets"].values()]
    assert f"{deploy}/secrets/mail_password" in files
