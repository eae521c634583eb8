"""What is shipped is valid by the tools that are made for it, and its numbers are those of the settings."""

import re
import sys
from pathlib import Path

import pytest
import yaml

from tests.harness import shell
from tests.harness.programs import find_program

PEOPLE = 10
"""Connections for people and for what else looks at the database."""
MAX_CONNECTIONS = 100
"""PostgreSQL's default, less the three that it keeps for superusers."""
POOL = 4
"""Connections of one worker on one core: CONNECTIONS_PER_CORE of the package db."""
OVERLAYS = ("staging", "production")


@pytest.fixture(params=[True, False], ids=["jobs", "no-jobs"])
def jobs(request):
    return request.param


@pytest.fixture
def deploy(render, jobs):
    return render(jobs=jobs) / "deploy"


def validate(*arguments, **environment):
    """Run a tool that is a package of this repository."""
    shell.run(Path(sys.executable).with_name(arguments[0]), *arguments[1:], cwd=Path.cwd(), **environment)


def read_env(deploy):
    lines = (deploy / "kubernetes/base/settings.env").read_text().splitlines()
    return dict(line.split("=") for line in lines if line and not line.startswith("#"))


def build(deploy, overlay):
    """Return the objects of an overlay by kind and name."""
    text = shell.run(find_program("kustomize"), "build", deploy / "kubernetes/overlays" / overlay, cwd=deploy)
    return {(it["kind"], re.sub(r"-\w{10}$", "", it["metadata"]["name"])): it for it in yaml.safe_load_all(text)}


def list_pods(objects):
    return {key: it["spec"]["template"]["spec"] for key, it in objects.items() if "template" in it.get("spec", {})}


def test_the_dockerfile_is_clean(deploy):
    validate("hadolint", deploy / "Dockerfile")


def test_compose_has_what_its_schema_asks_for(deploy, jobs):
    validate("check-jsonschema", "--builtin-schema", "vendor.compose-spec", deploy / "compose.yaml")
    services = yaml.safe_load((deploy / "compose.yaml").read_text())["services"]
    assert ("worker" in services) == jobs
    for service in services.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert not source.startswith(".") or (deploy / source).is_dir(), volume
    pooled = services["web"]["environment"]
    assert "pgbouncer:6432" in pooled["DATABASE_URL"], "the pool in front"
    assert "postgres:5432" in pooled["DATABASE_DIRECT_URL"], "migrations go past it"


@pytest.mark.slow
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubernetes_takes_an_overlay(deploy, overlay, tmp_path):
    text = shell.run(find_program("kustomize"), "build", deploy / "kubernetes/overlays" / overlay, cwd=deploy)
    path = tmp_path / "built.yaml"
    path.write_text(text)
    validate("kubernetes-validate", "--strict", path)


@pytest.mark.slow
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_keeps_what_the_base_promises(deploy, overlay, jobs):
    objects = build(deploy, overlay)
    assert (("Deployment", "worker") in objects) == jobs
    chosen = objects["NetworkPolicy", "service"]["spec"]["podSelector"]["matchLabels"]
    for key, it in objects.items():
        if "template" in it.get("spec", {}):
            assert chosen.items() <= it["spec"]["template"]["metadata"]["labels"].items(), key
    for key, pod in list_pods(objects).items():
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"], key
        assert container["securityContext"]["readOnlyRootFilesystem"], key
        assert container["image"].startswith("registry.example.com/my-service:"), key
    probes = list_pods(objects)["Deployment", "web"]["containers"][0]
    assert probes["livenessProbe"]["httpGet"]["path"] == "/livez", "which never asks the database"
    assert probes["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert probes["readinessProbe"]["timeoutSeconds"] > 2, "CHECK_SECONDS of the package edge"


@pytest.mark.slow
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_pod_has_time_to_stop(deploy, overlay, jobs):
    environment, pods = read_env(deploy), list_pods(build(deploy, overlay))
    delay, drain, kill = (
        int(environment[f"SERVER_{name}"]) for name in ("DRAIN_DELAY", "DRAIN_TIMEOUT", "KILL_TIMEOUT")
    )
    assert drain < kill
    web = pods["Deployment", "web"]
    probe = web["containers"][0]["readinessProbe"]
    assert delay > probe["periodSeconds"] * probe["failureThreshold"], "it is out of the balancer before it closes"
    assert delay + kill < web["terminationGracePeriodSeconds"]
    if jobs:
        assert int(environment["JOBS_KILL_TIMEOUT"]) < pods["Deployment", "worker"]["terminationGracePeriodSeconds"]


@pytest.mark.slow
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_all_pods_together_fit_into_the_database(deploy, overlay, jobs):
    objects, reserve = build(deploy, overlay), int(read_env(deploy)["DATABASE_RESERVE"])
    web = objects["Deployment", "web"]["spec"]
    assert web["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"] == "1"
    most = (
        objects["HorizontalPodAutoscaler", "web"]["spec"]["maxReplicas"] + web["strategy"]["rollingUpdate"]["maxSurge"]
    )
    of_pod = POOL + 1  # one is for /readyz
    of_worker = 10 + 1  # JOBS_CONCURRENCY, and the queue's own
    workers = (objects["Deployment", "worker"]["spec"]["replicas"] + 1) * of_worker if jobs else 0
    wanted = most * of_pod + workers + 1 + PEOPLE  # one migrates
    assert wanted <= MAX_CONNECTIONS - 3
    assert reserve >= wanted - of_pod - of_worker * jobs, "`serve` counts its own, and jobs' once"
    assert reserve + of_pod + of_worker <= MAX_CONNECTIONS - 3, "a pod that is alone starts"


def test_a_role_behind_the_pooler_has_the_limits_of_the_settings(deploy):
    code = (deploy.parent / "src/service/kit/db/sessions.py").read_text()
    names = ("statement_timeout", "lock_timeout", "command_timeout")
    wanted = [float(re.findall(rf"^    {name}: .*= ([\d.]+)$", code, re.MULTILINE)[0]) for name in names]
    limits = re.findall(r"_timeout = '(\d+)ms'", (deploy / "postgres/limits.sql").read_text())
    assert [int(limit) / 1000 for limit in limits] == wanted
