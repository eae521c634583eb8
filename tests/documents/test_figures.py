"""The figures that docs/ shows are those that were measured."""

import json
import re
import shutil

import pytest

from tests.harness.snapshot import ROOT
from tests.performance import report, writes_report


@pytest.fixture
def figures():
    """The latest figures."""
    return json.loads((ROOT / "docs/figures/compare.json").read_text())


@pytest.fixture
def writes():
    """The latest figures of writes."""
    return json.loads((ROOT / "docs/figures/writes.json").read_text())


MADE = ("README.md", *(f"docs/{name}" for name in ("performance.md", "index.md", "figures/compare.svg")))
"""What is made of the figures."""


def test_the_pages_and_the_plot_are_made_from_the_data(figures, tmp_path):
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "README.md", tmp_path)
    report.write(figures, tmp_path / "docs")
    for name in (*MADE, "docs/figures/compare.json"):
        assert (tmp_path / name).read_text() == (ROOT / name).read_text(), name


def test_new_figures_reach_every_page(figures, tmp_path):
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "README.md", tmp_path)
    for part in figures["slices"]:
        part["cpu"] *= 3
    report.write(figures, tmp_path / "docs")
    for name in MADE:
        assert (tmp_path / name).read_text() != (ROOT / name).read_text(), name


def test_the_small_table_has_the_medians_the_cheapest_first(figures):
    costs = {("service", "one order by key"): [59.6, 58, 70], ("floor", "one order by key"): [34, 34, 35]}
    costs |= {(name, "page of 50"): [100, 100, 100] for name in ("service", "floor", "axum")}
    figures["slices"] = [
        {"program": program, "work": work, "cpu": cost} for (program, work), values in costs.items() for cost in values
    ]
    rows = [line for line in report.draw_costs(figures).splitlines() if line.startswith("|")]
    assert rows[2:] == [
        "| the least Python can do, without the duties | 34 | 100 |",
        "| **the service, with every duty** | 60 | 100 |",
    ]


def test_targets_name_axum_only_where_it_was_measured(figures):
    without = figures | {"slices": [part for part in figures["slices"] if not part["program"].startswith("axum")]}
    names = [target.name for target in report.list_targets(without)]
    assert "one order by key, against floor" in names
    assert not [name for name in names if "axum" in name]
    added = [part | {"program": "axum", "cpu": part["cpu"] / 1.3} for part in without["slices"] if is_service(part)]
    judged = {it.name: it.met for it in report.list_targets(without | {"slices": [*without["slices"], *added]})}
    assert judged["one order by key, against axum"]
    assert not judged["page of 50, against axum"]


def is_service(part):
    """Return whether a slice is one of the service that `axum` is compared by."""
    return part["program"] == "service"


def test_the_tables_of_writes_are_made_from_their_data(writes, tmp_path):
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    writes_report.write(writes, tmp_path / "docs")
    for name in ("performance.md", "figures/writes.json"):
        assert (tmp_path / "docs" / name).read_text() == (ROOT / "docs" / name).read_text(), name


def test_a_write_is_judged_by_the_floor_of_its_own_effects_and_by_axums_plain_insert(writes):
    writes["trips"]["create"]["axum"] = 1.0
    costs = {("create", "axum"): 9.0}
    for work in writes["trips"]:
        costs[work, "service"] = 30.0
        costs[work, "floor"] = 10.0 if work == "create, with its job" else 20.0
    writes["slices"] = [{"work": work, "program": program, "cpu": cost} for (work, program), cost in costs.items()]
    found = {target.name: target for target in writes_report.list_targets(writes)}
    assert found["create, with its job, against the floor of the same effects"].measured == "3.00 times (3.00 to 3.00)"
    assert found["create, against the floor of the same effects"].met
    assert not found["create, with its job, against Axum's plain insert"].met
    assert found["create, with a key and its job, against Axum's plain insert"].met


def test_a_missed_target_is_told(figures):
    for part in figures["slices"]:
        part["cpu"] = 1.0
    missed = {target.name for target in report.list_targets(figures) if not target.met}
    assert {"one order by key, cheaper than conventional", "page of 50, cheaper than conventional"} <= missed
    assert "one order by key, against floor" not in missed


def test_overload_is_judged_by_goodput_refusals_and_failures():
    answers = {"200": {"count": 71}, "503": {"count": 100, "p99": 20.0}, "500": {"count": 2}}
    done = {"capacity": 100.0, "cost": 100.0, "refusal": 20.0, "seconds": 1.0, "unanswered": 3, "answers": answers}
    goodput, refusals, rest = report.judge_overload("it", done)
    assert (goodput.met, refusals.met, rest.met) == (True, True, False)
    assert goodput.wanted == "within 5 points of about 75 %, the bound by a refusal's cost of 20 µs"
    assert rest.measured == "2 500, 3 without an answer"
    answers["200"]["count"] = 69
    assert not next(report.judge_overload("it", done)).met


@pytest.mark.parametrize("refusal", [0.0, 1.0, 20.0, 49.0])
def test_at_the_bound_all_time_goes_into_answers_and_refusals(refusal):
    good = report.bound_goodput(100.0, refusal)
    assert 0 < good <= 1
    assert good * 100.0 + (2 - good) * refusal == pytest.approx(100.0)


def test_a_server_whose_refusals_cost_half_of_an_answer_answers_none():
    assert report.bound_goodput(100.0, 50.0) == report.bound_goodput(100.0, 100.0) == 0


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
