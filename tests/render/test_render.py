"""What the template renders: complete, tidy files in which nothing of the template shows."""

import json
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.harness import service, shell
from tests.harness.service import ANSWERS
from tests.harness.snapshot import CURRENT
from tests.render import combinations

JINJA = re.compile(r"(?<!\$)\{(?:\{-?\s+[\w.]+(?:\s*[|(\[]|\s+[}i~])|[%#])")
"""Jinja with spaces behind its braces, unlike the doubled braces of a Python string or of CSS in one."""

TIGHT_JINJA = re.compile(r"(?<!\$)\{\{-?[\w.]")
"""Jinja without spaces: in a file that is no Python, nothing else looks like it."""

PARSERS = {
    ".json": json.loads,
    ".toml": tomllib.loads,
    ".yaml": lambda text: list(yaml.safe_load_all(text)),
    ".yml": lambda text: list(yaml.safe_load_all(text)),
}


RENDERED = [pytest.param(answers, id=name) for name, answers in ANSWERS.items()]
RENDERED += [pytest.param(row, id=combinations.name(row), marks=pytest.mark.slow) for row in combinations.ALL]


@pytest.fixture(scope="module", params=RENDERED)
def answers(request):
    return request.param


@pytest.fixture
def folder(render, answers):
    return render(**answers)


@pytest.fixture
def texts(folder):
    return {name: content.decode() for name, (content, _) in service.read(folder).items()}


def test_the_answers_are_recorded(texts, answers):
    recorded = yaml.safe_load(texts[".copier-answers.yml"])
    assert recorded["_commit"] == CURRENT
    assert recorded["python_version"] in ("3.12", "3.13", "3.14")
    assert answers.items() <= recorded.items()


def test_the_answers_reach_the_package_as_they_were_given(texts, answers):
    project = tomllib.loads(texts["pyproject.toml"])["project"]
    recorded = yaml.safe_load(texts[".copier-answers.yml"])
    assert project["name"] == recorded["project_name"]
    assert project["description"] == recorded["description"]
    assert project["authors"] == [{"name": recorded["owner"]}]
    assert project["requires-python"] == f">={recorded['python_version']}"


@pytest.mark.parametrize("name", ["true", "null", "no", "on"])
def test_a_name_that_yaml_reads_as_something_else_stays_text(name, render):
    other = "a-name-like-no-other"
    plain = read_data(render(project_name=other))
    assert read_data(render(project_name=name)) == rename(plain, other, name)


def read_data(folder):
    """What a program reads in the files of a service, by YAML 1.1, which takes most for something else than text."""
    return parse({name: content.decode() for name, (content, _) in service.read(folder).items()})


def parse(texts):
    return {name: PARSERS[suffix](text) for name, text in texts.items() if (suffix := Path(name).suffix) in PARSERS}


def rename(data, old, new):
    """Replace a word in all texts of what was read."""
    if isinstance(data, str):
        return data.replace(old, new)
    if isinstance(data, dict):
        return {rename(key, old, new): rename(value, old, new) for key, value in data.items()}
    return [rename(value, old, new) for value in data] if isinstance(data, list) else data


def test_no_jinja_is_left(texts):
    texts = {name: text for name, text in texts.items() if not name.endswith(".tmpl")}  # what `service new` fills in
    assert [name for name, text in texts.items() if JINJA.search(text)] == []
    ours = {name: text for name, text in texts.items() if not name.endswith((".py", ".json"))}  # Grafana has `{{it}}`
    assert [name for name, text in ours.items() if TIGHT_JINJA.search(text)] == []
    assert [name for name in texts if name.endswith(".jinja") or JINJA.search(name)] == []


def test_every_data_file_parses(texts):
    assert {"pyproject.toml", ".copier-answers.yml"} <= parse(texts).keys()


def test_every_file_ends_with_one_newline_and_no_line_with_a_space(texts):
    assert [name for name, text in texts.items() if text and not re.search(r"[^\n]\n\Z", text)] == []
    assert [name for name, text in texts.items() if re.search(r"[ \t\r]$", text, re.MULTILINE)] == []


def test_ruff_has_nothing_to_format_and_nothing_to_say(folder):
    ruff = (sys.executable, "-m", "ruff")
    shell.run(*ruff, "format", "--no-cache", "--diff", ".", cwd=folder)
    shell.run(*ruff, "check", "--no-cache", ".", cwd=folder)


@pytest.mark.parametrize("name", ANSWERS)
def test_the_same_answers_give_the_same_bytes(name, render, template, tmp_path):
    again = service.render(template, tmp_path / "elsewhere", ANSWERS[name])
    assert service.read(again) == service.read(render(**ANSWERS[name]))


def test_other_answers_change_only_files_that_the_template_fills_in(render, template):
    one, other = (
        service.read(render(**ANSWERS["default"])),
        service.read(render(**ANSWERS["odd"] | {"jobs": True, "ci": "github", "deploy": "kubernetes"})),
    )
    filled = {name for name in one if one[name] != other.get(name)}
    root = template / "template"
    jinja = {str(path.relative_to(root)).removesuffix(".jinja") for path in root.rglob("*.jinja")}
    assert one.keys() == other.keys()
    assert "pyproject.toml" in filled
    assert filled - {".copier-answers.yml"} <= jinja


def test_the_command_line_copies_without_trust_and_names_the_next_commands(template, tmp_path):
    copier = (sys.executable, "-m", "copier", "copy", "--defaults", "--vcs-ref", CURRENT)
    output = shell.run(*copier, template, tmp_path / "shop", cwd=tmp_path)
    for command in (
        f"cd {tmp_path / 'shop'}",
        "git init --initial-branch main && git add --all && git commit",
        "uv run service dev",
    ):
        assert f"    {command}" in output


def test_pytest_copie_renders_it_too(copie, template, render):
    result = copie.copy(template_dir=template, vcs_ref=CURRENT, extra_answers=ANSWERS["odd"])
    assert result.exception is None
    assert service.read(result.project_dir) == service.read(render(**ANSWERS["odd"]))
