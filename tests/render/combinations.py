"""The combinations of what can be chosen: all, as few as have every pair of answers, and dead answers."""

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations, product
from pathlib import Path
from typing import Any

from tests.harness import service
from tests.harness.owners import CONFIG
from tests.harness.service import Answers

type Choices = Mapping[str, list[Any]]
type Render = Callable[..., Path]

RECORD = ".copier-answers.yml"
"""It says what was answered, so it is different for each answer."""


def list_choices(config: Mapping[str, Any]) -> Choices:
    """Return the possible answers to each question that has few, the default first."""
    choices: dict[str, list[Any]] = {}
    for name, question in config.items():
        if name.startswith("_"):
            continue
        offered = question.get("choices") or ([True, False] if question["type"] == "bool" else [])
        answers = list(offered.values()) if isinstance(offered, dict) else offered
        if answers:
            choices[name] = sorted(answers, key=lambda answer, default=question["default"]: answer != default)
    return choices


def list_all(choices: Choices) -> list[Answers]:
    """Return every combination, the defaults first."""
    return [dict(zip(choices, answers, strict=True)) for answers in product(*choices.values())]


def list_pairs(answers: Answers) -> set[frozenset[tuple[str, Any]]]:
    """Return the pairs of answers that a combination has."""
    return {frozenset(pair) for pair in combinations(answers.items(), 2)}


def cover_pairs(rows: list[Answers]) -> Iterator[Answers]:
    """Yield few rows that have every pair of answers which any row has: at each step the one with most new pairs."""
    left = {pair for row in rows for pair in list_pairs(row)}
    while left:
        row = max(rows, key=lambda row: len(left & list_pairs(row)))
        left -= list_pairs(row)
        yield row


def find_dead_choices(choices: Choices, render: Render) -> list[tuple[str, Any]]:
    """Return the answers after which a service is the same as after an earlier answer to the same question."""
    dead = []
    for question, answers in choices.items():
        seen: list[service.Tree] = []
        for answer in answers:
            tree = service.read(render(**{question: answer}))
            tree.pop(RECORD)
            if tree in seen:
                dead.append((question, answer))
            seen.append(tree)
    return dead


def read_code(folder: Path) -> service.Tree:
    """Return what a service runs and tests: its modules, its tests, its migrations, and what configures all of them."""
    folders = ("migrations/", "perf/", "src/", "tests/")
    return {
        path: content
        for path, content in service.read(folder).items()
        if path.startswith(folders) or path.endswith(".toml")
    }


def name(answers: Answers) -> str:
    """Return a combination in one word."""
    return "-".join(
        str(answer) if not isinstance(answer, bool) else f"{key}-{answer}".lower() for key, answer in answers.items()
    )


CHOICES = list_choices(CONFIG)
ALL = list_all(CHOICES)
CHOSEN = list(cover_pairs(ALL))

WITHOUT_CODE = ("ci", "deploy")
"""The questions whose answers change no code: a test proves it, so none of what checks code is run for each of them."""

CODE = list_all({question: answers for question, answers in CHOICES.items() if question not in WITHOUT_CODE})
CODE_CHOSEN = list(cover_pairs(CODE))
