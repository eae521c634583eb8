"""Delivery: who may start it, what it says is missing, and how an image is deployed."""

import re

import pytest

from tests.ci import delivery, scripts
from tests.ci.weekly import write_program
from tests.harness import service, shell
from tests.harness.programs import find_program

DEPLOY = 'deploy/delivery.sh deploy "$ENVIRONMENT"'


EMPTY = """#!/bin/sh
echo "$0 $*" >> "$CALLS"
case "$*" in *inspect*docker:*) echo "${ANSWER:-manifest unknown}" >&2; exit 1 ;; esac
"""
"""A registry without images, or one that answers something else."""


@pytest.fixture
def clone(render, tmp_path):
    return service.adopt(render(), tmp_path / "clone")


@pytest.fixture
def alone(clone, tmp_path):
    """A machine with stubs alone."""
    made = delivery.make(tmp_path, clone, "registry.example.org/team/service", ENVIRONMENT="production")
    for name in ("skopeo", "cosign"):
        write_program(tmp_path / "bin" / name, EMPTY)
    return made


RELEASE = f"registry.example.org/team/service@sha256:{'ab' * 32}"


@pytest.fixture
def deployed(clone, tmp_path):
    find_program("kustomize")
    return delivery.make(tmp_path, clone, "unused", RELEASE=RELEASE, ENVIRONMENT="production")


@pytest.mark.slow
def test_the_overlay_of_the_environment_is_deployed_with_the_image_by_its_digest(deployed):
    deployed.run(DEPLOY)
    overlay = "deploy/kubernetes/overlays/production"
    applied = [call for call in deployed.read_calls() if call.startswith(f"kubectl apply --kustomize {overlay} ")]
    assert len(applied) == 3  # what others need, the migrations, what runs on them
    manifest = shell.run("kustomize", "build", overlay, cwd=deployed.folder)
    assert re.findall(r"image: (.+)", manifest) == [RELEASE] * 3


@pytest.mark.slow
def test_a_deployment_whose_migrations_fail_fails(deployed):
    deployed.calls.with_suffix(".failed").touch()
    code, output = deployed.attempt(DEPLOY)
    assert code != 0
    assert "the pods are as before" in output


def test_a_host_gets_the_files_and_replaces_what_runs(render, tmp_path):
    clone = service.adopt(render(deploy="compose"), tmp_path / "clone")
    machine = delivery.make(tmp_path, clone, "unused", RELEASE=RELEASE, ENVIRONMENT="production")
    there = tmp_path / "host/my-service/deploy"
    there.mkdir(parents=True)
    (there / ".env").write_text("DOMAIN=api.example.com\nIMAGE=older\n")
    reached = {"DEPLOY_HOST": "robot@host", "SSH_KEY": "a key", "SSH_KNOWN_HOSTS": "host ssh-ed25519 AAAA"}
    for name in reached:
        code, output = machine.attempt(DEPLOY, **{**reached, name: ""})
        assert code != 0
        assert f"Give the environment production the {'secret' if name == 'SSH_KEY' else 'variable'} {name}" in output
    assert machine.read_calls() == []

    machine.run(DEPLOY, **reached)
    assert (there / ".env").read_text().splitlines() == ["DOMAIN=api.example.com", f"IMAGE={RELEASE}"]
    calls = machine.read_calls()
    assert all("StrictHostKeyChecking=yes" in call for call in calls if call.startswith("ssh"))
    assert "a key" not in "".join(calls)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ({"KUBECONFIG_TEXT": "", "KUBECONFIG": ""}, "Give the environment production the secret KUBECONFIG"),
        ({"RELEASE": ""}, "Set RELEASE to what `deploy/delivery.sh image` printed: registry"),
        ({"ENVIRONMENT": "moon"}, "There is no deploy/kubernetes/overlays/moon for this environment"),
    ],
    ids=["secret", "image", "overlay"],
)
def test_a_deployment_without_what_it_needs_says_what_to_set(missing, message, alone):
    code, output = alone.attempt(DEPLOY, **{"RELEASE": RELEASE, **missing})
    assert code != 0
    assert message in output
    assert alone.read_calls() == []


def test_a_program_that_is_not_the_reviewed_one_is_never_run(alone, tmp_path):
    write_program(tmp_path / "bin/curl", delivery.DOWNLOAD)
    (tmp_path / "bin/trivy").unlink()
    code, output = alone.attempt("deploy/delivery.sh image")
    assert code != 0
    assert "does not match its pinned checksum; it was not run." in output
    assert not [call for call in alone.read_calls() if "skopeo copy" in call]


def test_a_registry_that_does_not_answer_is_not_one_without_the_image(alone):
    code, output = alone.attempt("deploy/delivery.sh image", ANSWER="received unexpected HTTP status: 503")
    assert code != 0
    assert "HTTP status: 503" in output
    assert "The registry did not say whether it has registry.example.org/team/service:" in output
    assert not [call for call in alone.read_calls() if "build" in call]


def test_a_version_that_is_named_is_never_built(alone):
    commit = shell.run("git", "rev-parse", "HEAD", cwd=alone.folder).strip()
    code, output = alone.attempt("deploy/delivery.sh image", DEPLOY_VERSION=commit)
    assert code != 0
    assert f"There is no image registry.example.org/team/service:{commit}" in output
    assert not [call for call in alone.read_calls() if "build" in call]
    alone.run("deploy/delivery.sh image", DEPLOY_VERSION="")
    assert [call for call in alone.read_calls() if "buildx build" in call]


HOST = """#!/bin/sh
case "$*" in
    api*moon*) echo "Not Found"; exit 1 ;;
    api*staging*) echo wait_timer ;;
    api*) echo required_reviewers ;;
    *) echo "$PASSED" ;;
esac
"""
"""A `gh` that knows two environments, and whose checks have passed or not."""

ASKED = {
    "DEPLOY": "true",
    "DEFAULT_BRANCH": "main",
    "GITHUB_REF_NAME": "main",
    "ENVIRONMENT": "production",
    "PASSED": "1",
    "DEPLOY_VERSION": "",
    "GITHUB_REPOSITORY": "team/service",
    "GITHUB_SHA": "0" * 40,
}


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({}, 0, ""),
        ({"DEPLOY": ""}, 1, "Deploying is off. Set the variable DEPLOY of this repository to true"),
        ({"GITHUB_REF_NAME": "feature"}, 1, "Run this from the branch main."),
        ({"ENVIRONMENT": "moon"}, 1, "There is no environment moon."),
        ({"ENVIRONMENT": "staging"}, 0, "Nobody has to approve a deployment to staging."),
        ({"PASSED": "0"}, 1, "have not passed. Wait for them"),
        ({"PASSED": "0", "DEPLOY_VERSION": "1" * 40}, 0, ""),
    ],
    ids=["asked for", "off", "branch", "environment", "nobody approves", "checks", "rollback"],
)
def test_nothing_is_made_or_deployed_unless_it_is_asked_for_and_checked(change, code, message, render, tmp_path):
    write_program(tmp_path / "bin/gh", HOST)
    step = scripts.list_commands(render() / ".github/workflows/deploy.yml")[0]
    path = f"{tmp_path / 'bin'}:/usr/bin:/bin"
    assert scripts.type_script(step, tmp_path, **{**ASKED, "PATH": path, **change})[0] == code
    assert message in scripts.type_script(step, tmp_path, **{**ASKED, "PATH": path, **change})[1]


def test_a_request_from_a_fork_starts_no_deployment(render):
    workflow = scripts.load(render() / ".github/workflows/deploy.yml")
    assert list(workflow[True]) == ["workflow_dispatch"]  # YAML reads `on` as true
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["jobs"]["deploy"].keys() >= {"environment", "concurrency"}
    assert workflow["jobs"]["image"]["concurrency"]["group"] == "image-${{ github.sha }}", "a commit has one image"
    assert (
        workflow["jobs"]["deploy"]["steps"][-1]["env"]["MIGRATION_TIMEOUT"] == "${{ vars.MIGRATION_TIMEOUT || '600' }}"
    )
    pipeline = scripts.load(render(ci="gitlab") / ".gitlab-ci.yml")
    for name in ("release", ".deploy"):
        first = pipeline[name]["rules"][0]["if"]
        assert "$DEPLOY" in first
        assert "$CI_COMMIT_BRANCH" in first  # which a merge request does not have
        automatic = [rule["if"] for rule in pipeline[name]["rules"] if rule.get("when") not in ("never", "manual")]
        assert automatic == ["$DEPLOY_VERSION"] * (name == "release"), "a push starts nothing"
    assert pipeline["release"]["resource_group"] == "image-$CI_COMMIT_SHA", "a commit has one image"
