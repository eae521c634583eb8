"""Combinations of answers: each is tidy and speaks only of what was chosen, and those that have every pair work."""

import re
import shutil
from itertools import combinations

import pytest

from tests.harness import packages, service, shell
from tests.harness.programs import fail_without
from tests.harness.service import PASSED
from tests.render.combinations import (
    ALL,
    CHOICES,
    CHOSEN,
    CODE,
    CODE_CHOSEN,
    WITHOUT_CODE,
    find_dead_choices,
    list_pairs,
    name,
    read_code,
)
from tests.render.traces import JOBS, OF_ALL_SERVICES, OF_ANY_HOST, OTHER_HOSTS, OTHER_PLACES, SLICES, SPOKEN_OF

KIT = ("src/service/kit/", "src/service_tools/")
"""It has orders in the examples that it gives."""

UNSPOKEN = {
    "python_version": ({}, ()),
    "jobs": ({False: JOBS}, SPOKEN_OF),
    "ci": ({answer: re.compile(others, re.IGNORECASE) for answer, others in OTHER_HOSTS.items()}, OF_ANY_HOST),
    "deploy": ({answer: re.compile(others, re.IGNORECASE) for answer, others in OTHER_PLACES.items()}, ()),
    "example": ({answer: re.compile(others) for answer, others in SLICES.items()}, KIT),
}
"""By question, what a service does not speak of after an answer, and how files begin that may all the same."""

EVERY = [pytest.param(row, id=name(row), marks=() if row in CHOSEN else pytest.mark.slow) for row in ALL]
CODES = [pytest.param(row, id=name(row)) for row in CODE]
CODE_PAIRS = [pytest.param(row, id=name(row)) for row in CODE_CHOSEN]


@pytest.fixture(scope="module")
def installed(render, workshop):
    """A default service with its packages, which are all that any service has."""
    folder = service.adopt(render(), workshop / "installed")
    packages.install(folder)
    return folder


def test_the_chosen_combinations_have_every_pair_of_answers():
    pairs = {
        frozenset([(one, a), (other, b)])
        for (one, some), (other, others) in combinations(CHOICES.items(), 2)
        for a in some
        for b in others
    }
    assert {pair for row in CHOSEN for pair in list_pairs(row)} == pairs
    largest = sorted(map(len, CHOICES.values()))[-2:]
    assert largest[0] * largest[1] <= len(CHOSEN) < len(ALL)


@pytest.mark.parametrize("answers", EVERY)
def test_a_combination_speaks_only_of_what_was_chosen(answers, render):
    tree = {path: content.decode() for path, (content, _) in service.read(render(**answers)).items()}
    for question, (patterns, excepted) in UNSPOKEN.items():
        if unspoken := patterns.get(answers[question]):
            found = {path for path, text in tree.items() if unspoken.search(path) or unspoken.search(text)}
            assert {path for path in found if not path.startswith((*OF_ALL_SERVICES, *excepted))} == set(), question


def test_every_question_says_what_its_answers_leave_out():
    assert UNSPOKEN.keys() == CHOICES.keys()


@pytest.mark.parametrize("answers", EVERY)
def test_where_it_is_checked_and_deployed_changes_no_code(answers, render):
    others = {question: answer for question, answer in answers.items() if question not in WITHOUT_CODE}
    code = read_code(render(**others))
    assert len(code) > 100
    assert read_code(render(**answers)) == code


@pytest.mark.parametrize("answers", CODES)
def test_a_combination_declares_what_it_imports_and_uses_what_it_declares(answers, render, installed):
    deptry = (installed / ".venv/bin/python", "-m", "deptry", "--no-ansi")
    shell.run(*deptry, "src/service", cwd=render(**answers))
    shell.run(*deptry, ".", "--non-dev-dependency-groups", "dev", cwd=render(**answers))


@pytest.mark.slow
@pytest.mark.parametrize("answers", CODES)
def test_the_types_of_a_combination_are_right(answers, render, installed):
    shell.run(installed / ".venv/bin/ty", "check", "--python", installed / ".venv", cwd=render(**answers))


@pytest.mark.slow
@pytest.mark.parametrize("answers", CODE_PAIRS)
def test_the_suite_of_a_combination_passes_on_its_lowest_python(answers, render, workshop):
    version = answers["python_version"]
    if not (python := service.find_python(version)):
        fail_without(f"Python {version}", f"uv python install {version}")
    folder = service.adopt(render(**answers), workshop / name(answers))
    shell.run("uv", "sync", "--quiet", "--python", python, cwd=folder)
    output = shell.run("uv", "run", "--quiet", "--no-sync", "pytest", "-q", cwd=folder)
    shutil.rmtree(folder)
    assert PASSED.search(output), output


def test_every_answer_changes_a_service(render):
    assert find_dead_choices(CHOICES, render) == []
