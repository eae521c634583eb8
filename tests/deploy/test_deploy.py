"""What is shipped is valid by the tools that are made for it, and its numbers are those of the settings."""

import re
import sys
from pathlib import Path

import pytest

from tests.harness import shell


@pytest.fixture(params=[True, False], ids=["jobs", "no-jobs"])
def jobs(request):
    return request.param


@pytest.fixture
def deploy(render, jobs):
    return render(jobs=jobs) / "deploy"


def validate(*arguments, **environment):
    """Run a tool that is a package of this repository."""
    shell.run(Path(sys.executable).with_name(arguments[0]), *arguments[1:], cwd=Path.cwd(), **environment)


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.tools"])
def test_the_dockerfile_is_clean(deploy, name):
    validate("hadolint", deploy / name)


def test_a_role_behind_the_pooler_has_the_limits_of_the_settings(deploy):
    code = (deploy.parent / "src/service/kit/db/sessions.py").read_text()
    names = ("statement_timeout", "lock_timeout", "command_timeout")
    wanted = [float(re.findall(rf"^    {name}: .*= ([\d.]+)$", code, re.MULTILINE)[0]) for name in names]
    limits = re.findall(r"_timeout = '(\d+)ms'", (deploy / "postgres/limits.sql").read_text())
    assert [int(limit) / 1000 for limit in limits] == wanted


@pytest.mark.parametrize("answer", ["kubernetes", "compose"])
def test_a_postgresql_of_compose_counts_statements(render, answer):
    deploy = render(deploy=answer) / "deploy"
    assert "shared_preload_libraries=pg_stat_statements" in (deploy / "compose.yaml").read_text()
    scripts = [path.read_text() for path in (deploy / "postgres").iterdir()]
    assert sum(text.count("create extension pg_stat_statements;") for text in scripts) == 1, "a second one would fail"
