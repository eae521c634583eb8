"""docs/production.md is a script: it runs from a fresh render to a version, to the next one, and back.

`docker` and `kubectl` are stubs, which record their calls. Manifests go through kustomize.
"""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from tests.harness import service, shell
from tests.harness.programs import find_program
from tests.harness.snapshot import ROOT

BLOCK = re.compile(r"```bash\n(.*?)```", re.DOTALL)
YAML = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
RELEASE = ["deploy/kubernetes/release.sh", "deploy/kubernetes/overlays/production"]

pytestmark = pytest.mark.slow


@pytest.fixture
def team(render, tmp_path):
    """A fresh render in git."""
    return service.adopt(render(), tmp_path / "my-service")


@pytest.fixture
def stubs(tmp_path):
    """The variables by which a shell finds the stubs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("docker", "kubectl"):
        (folder / name).write_text(f"#!{sys.executable}\n{Path(__file__).with_name('kubectl.py').read_text()}")
        (folder / name).chmod(0o755)
    path = os.pathsep.join([str(folder), str(find_program("kustomize").parent), shell.environment()["PATH"]])
    return {"PATH": path, "STUB_CALLS": str(tmp_path / "calls"), "STUB_CONDITIONS": "SuccessCriteriaMet Complete"}


def read_calls(stubs):
    """Return the calls that were recorded, each with its text."""
    calls = [json.loads(line) for line in Path(stubs["STUB_CALLS"]).read_text().splitlines()]
    return [it | {"text": " ".join(it["call"])} for it in calls]


def list_images(call):
    """Return the images of the objects of a call."""
    pods = [it["spec"]["template"]["spec"] for it in call["objects"] if "template" in it.get("spec", {})]
    return {pod["containers"][0]["image"] for pod in pods}


def find_order(calls, *patterns):
    """Return the number of the first call that each pattern matches, after the one before it."""
    numbers = [-1]
    for pattern in patterns:
        later = [number for number, it in enumerate(calls) if number > numbers[-1] and re.search(pattern, it["text"])]
        assert later, f"no {pattern} after {calls[numbers[-1]]['text']}"
        numbers.append(later[0])
    return numbers[1:]


def test_the_page_is_one_script_from_a_fresh_render_to_a_version_and_back(team, stubs, tmp_path):
    script = "\n".join(BLOCK.findall((ROOT / "docs/production.md").read_text()))
    for name, value in (
        ("image=registry.example.com", "image=registry.test"),
        ("namespace=$service-", "namespace=of-"),
    ):
        assert script.count(name) == 1, "each name is set once"
        script = script.replace(name, value)
    (tmp_path / "script").write_text(script)
    shell.run("bash", "-eu", tmp_path / "script", cwd=team, DATABASE_URL="postgresql://a:b@c/d", **stubs)

    calls = read_calls(stubs)
    release = (
        r"docker build .*my-service:{tag} \.$",
        r"docker push registry.test/my-service:{tag}$",
        r"kubectl apply .*notin \(migrate, web, worker\)",
        r"kubectl delete .*=migrate --ignore-not-found",
        r"kubectl apply .*=migrate",
        r"get job/my-service-migrate",
        r"kubectl apply .*in \(web, worker\)",
        r"kubectl rollout status",
    )
    first = [step.format(tag="0.1.0") for step in release]
    namespace = ("create namespace of-production$", "create secret generic my-service-secrets ")
    check = ("get pods", "get --raw /api/v1/namespaces/of-production/services/my-service-web:http/proxy/readyz")
    second = [step.format(tag="0.2.0") for step in release]
    find_order(calls, *first[:2], *namespace, *first[2:], *check, *second, *release[-2:])
    assert sum("=migrate" in it["text"] for it in calls) == 4, "a rollback does not migrate"

    rollouts = [it for it in calls if "objects" in it and it["call"][1] == "apply" and list_images(it)]
    tags = ["0.1.0", "0.1.0", "0.2.0", "0.2.0", "0.1.0"]
    assert [list_images(it) for it in rollouts] == [{f"registry.test/my-service:{tag}"} for tag in tags]
    for it in [made for call in calls for made in call.get("objects", [])]:
        assert it["metadata"]["namespace"] == "of-production", it
    (secret,) = [it["secret"] for it in calls if "secret" in it]
    assert secret.splitlines()[:2] == ["DATABASE_URL=postgresql://a:b@c/d", "AUTH_SIGNING_KEY=secret"]
    assert "b@c" not in " ".join(it["text"] for it in calls), "a list of processes shows arguments"
    assert service.changes(team) == ""
    log = shell.run("git", "log", "--format=%s", cwd=team)
    assert log.splitlines()[:3] == ["Deploy 0.1.0", "Deploy 0.2.0", "Deploy 0.1.0"]

    built = tmp_path / "built.yaml"
    built.write_text(yaml.safe_dump_all([made for call in calls for made in call.get("objects", [])]))
    shell.run(Path(sys.executable).with_name("kubernetes-validate"), "--strict", built, cwd=ROOT)


@pytest.mark.parametrize(
    ("conditions", "timeout", "says"),
    [
        ("FailureTarget Failed", "20", "job/my-service-migrate FailureTarget Failed: the pods are as before."),
        ("", "1", "job/my-service-migrate is not done after 1 s: the pods are as before."),
    ],
    ids=["fails", "takes-too-long"],
)
def test_a_migration_that_fails_or_takes_too_long_stops_the_rollout(render, stubs, conditions, timeout, says):
    changes = stubs | {"STUB_CONDITIONS": conditions, "MIGRATION_TIMEOUT": timeout}
    code, output = shell.attempt(*RELEASE, cwd=render(), **changes)
    assert (code, output.splitlines()[-1]) == (1, says)
    calls = read_calls(stubs)
    assert "logs job/my-service-migrate" in calls[-1]["text"]
    asked = sum("get job/" in it["text"] for it in calls)
    assert not conditions or asked == 2, "it went on after the job had failed"
    kinds = {made["kind"] for call in calls for made in call.get("objects", [])}
    assert "Job" in kinds
    assert "Deployment" not in kinds


def test_a_cluster_that_is_away_for_a_moment_does_not_end_a_release(render, stubs):
    code, output = shell.attempt(*RELEASE, cwd=render(), **stubs, STUB_UNREACHABLE="1", MIGRATION_TIMEOUT="60")
    assert code == 0, output
    assert "Unable to connect to the server" in output
    assert "rollout status" in read_calls(stubs)[-1]["text"]


def test_the_overlay_of_the_page_builds_what_a_seeded_one_does(render, tmp_path):
    kubernetes = shutil.copytree(render() / "deploy/kubernetes", tmp_path / "kubernetes")
    added, whole, patch = YAML.findall((ROOT / "docs/production.md").read_text())
    overlay = kubernetes / "overlays/production"
    seeded = build(kubernetes / "overlays/staging")
    (overlay / "kustomization.yaml").write_text(whole.replace("-production", "-staging"))
    assert build(overlay) == seeded
    (overlay / "kustomization.yaml").write_text(whole + added)
    built = build(overlay)
    (settings,) = [it["data"] for it in built if it["kind"] == "ConfigMap"]
    assert settings["TRACES_ENDPOINT"].endswith(":4318")
    assert "my-service-egress-collector" in {it["metadata"]["name"] for it in built}
    (overlay / "kustomization.yaml").write_text(whole + patch)
    pods = [it["spec"]["template"]["spec"] for it in build(overlay) if it["kind"] in ("Job", "Deployment")]
    assert [pod["imagePullSecrets"] for pod in pods] == [[{"name": "registry"}]] * len(pods) != []


def build(folder):
    return list(yaml.safe_load_all(shell.run(find_program("kustomize"), "build", folder, cwd=folder)))


def test_a_release_refuses_what_it_does_not_know(render, stubs):
    code, output = shell.attempt(*RELEASE, "--without-migration", cwd=render(), **stubs)
    assert (code, output) == (2, "There is no option --without-migration; --without-migrations is one.\n")
    code, output = shell.attempt(RELEASE[0], cwd=render(), **stubs)
    assert code
    assert "Name an overlay, such as deploy/kubernetes/overlays/production" in output
    assert not Path(stubs["STUB_CALLS"]).exists()
