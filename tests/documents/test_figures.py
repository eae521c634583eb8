"""The figures that docs/ shows are those that were measured."""

import json
import re
import shutil

import pytest

from tests.harness.snapshot import ROOT
from tests.performance import report


@pytest.fixture
def figures():
    """The latest figures."""
    return json.loads((ROOT / "docs/figures/compare.json").read_text())


def test_the_page_and_its_plot_are_made_from_the_data(figures, tmp_path):
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    report.write(figures, tmp_path / "docs")
    for name in ("performance.md", "figures/compare.svg", "figures/compare.json"):
        assert (tmp_path / "docs" / name).read_text() == (ROOT / "docs" / name).read_text(), name


def test_a_missed_target_is_told(figures):
    for part in figures["slices"]:
        part["cpu"] = 1.0
    missed = {target.name for target in report.list_targets(figures) if not target.met}
    assert {"one order by key, cheaper than conventional", "page of 50, cheaper than conventional"} <= missed
    assert "one order by key, against the floor" not in missed


def test_overload_is_judged_by_goodput_refusals_and_failures():
    answers = {"200": {"count": 90}, "503": {"count": 100, "p99": 20.0}, "500": {"count": 2}}
    done = {"capacity": 100.0, "seconds": 1.0, "unanswered": 3, "answers": answers}
    goodput, refusals, rest = report.judge_overload("it", done)
    assert (goodput.met, refusals.met, rest.met) == (True, True, False)
    assert rest.measured == "2 500, 3 without an answer"


QUOTED = re.compile(r"<!-- figures of (\w+) -->")
PARTS = re.compile(r"\n\n|\n(?=- )")
NOT_TEXT = re.compile(r"\]\([^)]*\)|<!--.*?-->|(?<!`)`[^`\n]+`(?!`)")
NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
RECORDS = ROOT / "docs/figures"


def find_quotes():
    """Yield the document, the measurement and the text of each paragraph, item of a list or table that quotes one."""
    for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))):
        for part in PARTS.split(path.read_text()):
            for name in QUOTED.findall(part):
                yield path.relative_to(ROOT), name, NOT_TEXT.sub("", part)


def read_numbers(text):
    return [number.replace(",", "") for number in NUMBER.findall(text)]


def rounds_to(printed, quoted):
    """Return whether a quoted number is a printed one, rounded; in thousandths too, as in 0.4 ms for 371 µs."""
    decimals = len(quoted.partition(".")[2])
    return any(round(float(printed) / scale, decimals) == float(quoted) for scale in (1, 1000))


def test_every_figure_is_one_that_its_measurement_printed():
    quotes = list(find_quotes())
    assert len(quotes) > 12
    for path, name, text in quotes:
        printed = read_numbers((RECORDS / f"{name}.txt").read_text())
        unknown = [quoted for quoted in read_numbers(text) if not any(rounds_to(it, quoted) for it in printed)]
        assert not unknown, f"{path} quotes what tests.performance.{name} did not print"


def test_a_paragraph_that_names_a_measurement_marks_its_figures():
    for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))):
        for part in PARTS.split(path.read_text()):
            for name in re.findall(r"`uv run python -m tests\.performance\.(\w+)", part):
                if read_numbers(NOT_TEXT.sub("", part)) and (RECORDS / f"{name}.txt").exists():
                    assert f"<!-- figures of {name} -->" in part, f"{path}: {name}"


def test_every_record_is_quoted_by_a_document_and_names_its_command():
    records = {path.stem: path.read_text() for path in RECORDS.glob("*.txt")}
    assert records.keys() == {name for _, name, _ in find_quotes()}
    assert len(records) > 10
    for name, text in records.items():
        assert text.startswith(f"$ uv run python -m tests.performance.{name}")
