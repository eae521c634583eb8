"""The workflow that releases the template: a commit `Release vX.Y.Z` gets its tag and its notes, once."""

import os
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.ci import scripts
from tests.ci.weekly import write_program
from tests.harness import shell
from tests.harness.snapshot import ROOT

WORKFLOW = ROOT / ".github/workflows/release.yml"

STAND_IN = """#!/bin/sh
echo "$@" >> "$GH_LOG"
case "$1 $2" in
"release view") test -e "$GH_LOG.$3" ;;
"release create") test ! -e "$GH_LOG.refuse" && cp .git/notes "$GH_LOG.$3" ;;
esac
"""
"""A `gh` that keeps the notes of a release that it creates, unless it has to refuse."""

CHANGELOG = "# Changelog\n\n## {version}\n\nNew in {version}\n\n### By hand\n\nNothing.\n\n## v0.9.0\n\nOld\n"


class Forge(NamedTuple):
    """A clone, its host, and what `gh` was asked for."""

    folder: Path
    host: Path
    log: Path

    def commit(self, subject: str, changelog: str = "") -> None:
        """Commit to the branch at hand, and push it."""
        if changelog:
            (self.folder / "CHANGELOG.md").write_text(changelog)
        shell.run("git", "add", "--all", cwd=self.folder)
        shell.run("git", "commit", "--quiet", "--allow-empty", "--message", subject, cwd=self.folder)
        shell.run("git", "push", "--quiet", "origin", "HEAD", cwd=self.folder)

    def release(self, version: str) -> None:
        self.commit(f"Release {version}", CHANGELOG.format(version=version))

    def run(self, again: bool = False) -> tuple[dict[str, str], str]:
        """Run the workflow on a new clone of the branch. Return its outputs, and what the step that failed printed."""
        branch = shell.run("git", "branch", "--show-current", cwd=self.folder).strip()
        checkout = self.folder.parent / f"checkout-{len(list(self.folder.parent.iterdir()))}"
        shell.run("git", "clone", "--quiet", "--branch", branch, self.host, checkout, cwd=self.folder)
        outputs: dict[str, str] = {}
        for step in list_steps("find"):
            failed = self.take_step(step, checkout, outputs, AGAIN=str(again).lower())
            assert not failed
        if "version" not in outputs:
            return outputs, ""
        shell.run("git", "checkout", "--quiet", outputs["commit"], cwd=checkout)
        for step in list_steps("release"):
            if step in scripts.COVERED:
                continue
            variables = {"VERSION": outputs["version"], "NEWEST": outputs.get("newest", "")}
            failed = self.take_step(step, checkout, outputs, **variables)
            if failed:
                return outputs, failed
        return outputs, ""

    def take_step(self, step: str, checkout: Path, outputs: dict[str, str], **variables: str) -> str:
        """Run one script, and add what it sets to the outputs. Return what it printed if it failed."""
        path = os.pathsep.join([str(self.log.parent / "bin"), os.environ["PATH"]])
        file = self.log.with_name("outputs")
        file.write_text("")
        variables |= {"GH_LOG": str(self.log), "GITHUB_OUTPUT": str(file), "PATH": path}
        code, output = scripts.type_script(step, checkout, **variables)
        outputs |= dict(line.split("=", 1) for line in file.read_text().splitlines())
        return output if code else ""

    def list_tags(self) -> dict[str, str]:
        """Return the commits of the host's tags, by their names."""
        listed = shell.run("git", "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/tags", cwd=self.host)
        return dict(line.split() for line in listed.splitlines())

    def read_notes(self, version: str) -> str:
        return self.log.with_name(f"gh.log.{version}").read_text()

    def list_created(self) -> list[str]:
        """Return the commands that created a release."""
        asked = self.log.read_text().splitlines() if self.log.exists() else []
        return [line for line in asked if line.startswith("release create")]


def list_steps(job: str) -> list[str]:
    steps = yaml.safe_load(WORKFLOW.read_text())["jobs"][job]["steps"]
    return [step["run"].strip() for step in steps if "run" in step]


OWN = [step for job in ("find", "release") for step in list_steps(job) if step not in scripts.COVERED]
"""The scripts that these tests run."""


@pytest.fixture
def forge(tmp_path):
    host, folder = tmp_path / "host.git", tmp_path / "folder"
    shell.run("git", "init", "--quiet", "--bare", "--initial-branch", "main", host, cwd=tmp_path)
    shell.run("git", "clone", "--quiet", host, folder, cwd=tmp_path)
    shell.run("git", "switch", "--quiet", "--create", "main", cwd=folder)
    write_program(tmp_path / "bin/gh", STAND_IN)
    return Forge(folder, host, tmp_path / "gh.log")


def read_head(folder: Path) -> str:
    return shell.run("git", "rev-parse", "HEAD", cwd=folder).strip()


def test_the_commit_of_a_release_gets_its_tag_and_its_section_as_notes(forge):
    forge.release("v1.0.0")
    outputs, failed = forge.run()
    assert failed == ""
    assert outputs == {"version": "v1.0.0", "commit": read_head(forge.folder), "newest": "true"}
    assert forge.list_tags() == {"v1.0.0": read_head(forge.folder)}
    assert forge.read_notes("v1.0.0") == "\nNew in v1.0.0\n\n### By hand\n\nNothing.\n\n"
    assert forge.list_created() == [
        "release create v1.0.0 --verify-tag --title v1.0.0 --notes-file .git/notes --latest=true"
    ]


@pytest.mark.parametrize("subject", ["Work", "Release the hounds", "Release v1.0", "Revert: Release v1.0.0"])
def test_another_commit_releases_nothing(subject, forge):
    forge.commit(subject)
    assert forge.run() == ({}, "")
    assert forge.list_tags() == {}


def test_a_release_is_made_once_although_more_is_pushed(forge):
    forge.release("v1.0.0")
    released = read_head(forge.folder)
    forge.commit("Work that was pushed with it")
    assert forge.run()[0]["commit"] == released
    forge.commit("More work")
    assert forge.run() == ({}, "")
    assert forge.list_tags() == {"v1.0.0": released}
    assert len(forge.list_created()) == 1


def test_a_run_that_failed_half_way_is_finished_by_the_next(forge):
    forge.release("v1.0.0")
    refuse = forge.log.with_name("gh.log.refuse")
    refuse.touch()
    assert forge.run()[0]["newest"] == "true"
    refuse.unlink()
    for _ in range(2):
        outputs, failed = forge.run(again=True)
        assert (outputs["newest"], failed) == ("true", "")
    assert forge.list_tags() == {"v1.0.0": read_head(forge.folder)}
    assert len(forge.list_created()) == 2  # the first was refused


def test_a_patch_of_an_older_major_is_released_from_its_branch_and_is_not_the_latest(forge):
    forge.release("v9.1.0")
    assert forge.run()[0]["newest"] == "true"
    forge.release("v10.0.0")  # as a number, higher than v9
    assert forge.run()[0]["newest"] == "true"

    shell.run("git", "switch", "--quiet", "--create", "v9", "HEAD~1", cwd=forge.folder)
    forge.release("v9.1.1")
    outputs, failed = forge.run()
    assert (outputs["newest"], failed) == ("false", "")
    assert forge.list_created()[-1].endswith("--latest=false")

    shell.run("git", "switch", "--quiet", "main", cwd=forge.folder)
    shell.run("git", "merge", "--quiet", "--strategy", "ours", "--message", "Take up v9.1.1", "v9", cwd=forge.folder)
    forge.commit("Work")
    assert forge.run() == ({}, "")
    assert forge.list_tags().keys() == {"v9.1.0", "v9.1.1", "v10.0.0"}


def test_a_release_without_a_section_gets_no_tag(forge):
    forge.commit("Release v1.0.0", "# Changelog\n\n## v0.9.0\n\nOld\n")
    assert forge.run()[1] == "CHANGELOG.md has no section v1.0.0.\n"
    assert forge.list_tags() == {}


def test_a_tag_never_moves(forge):
    forge.release("v1.0.0")
    first = read_head(forge.folder)
    forge.run()
    forge.release("v1.0.0")
    assert forge.run() == ({}, "")
    assert "is the tag of another commit" in forge.run(again=True)[1]
    assert forge.list_tags() == {"v1.0.0": first}


def test_the_workflow_sees_what_is_pushed_to_main_and_to_the_branch_of_a_major():
    triggers = yaml.safe_load(WORKFLOW.read_text())[True]  # YAML 1.1 reads `on` as true
    assert triggers["push"] == {"branches": ["main", "v[0-9]+"]}
    group = yaml.safe_load(WORKFLOW.read_text())["concurrency"]["group"]
    assert group == "release-${{ github.ref }}", "or a push to one branch cancels the release that waits of another"
    tests = yaml.safe_load(WORKFLOW.with_name("tests.yml").read_text())[True]
    assert tests["push"] == triggers["push"]
