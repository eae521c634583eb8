"""Reports: a page and JSON of its own for each run, and an index of all."""

import re
from pathlib import Path

import pytest
from inside import reports
from service_tools.pages import Page
from service_tools.perf import charts


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_no_run_overwrites_the_report_of_another_and_the_index_lists_them(folder: Path):
    for number in range(3):
        page = Page("cpu", "CPU")
        page.say(f"Run {number}.")
        page.finish({"number": number})
    assert len(reports.find_pages(folder, "cpu")) == 3
    assert "Run 2." in reports.read_page(folder, "cpu")
    document = reports.read_document(folder, "cpu")
    assert document["report"] == "cpu"
    assert document["results"] == {"number": 2}
    index = (folder / "perf/reports/index.html").read_text()
    assert len(re.findall(r'href="cpu-[\d-]+\.html"', index)) == 3


def test_a_report_without_results_of_its_own_has_its_tables_as_json(folder: Path):
    page = Page("plans", "Plans")
    page.tabulate({"statement": "", "rows": ",.0f"}, [["orders.read", 1000], ["orders.list", None]])
    page.finish()
    tables = reports.read_document(folder, "plans")["results"]
    assert tables == [[{"statement": "orders.read", "rows": 1000}, {"statement": "orders.list", "rows": None}]]


def test_a_report_names_the_next_command_once_and_links_to_its_last_report(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    Page("cpu", "CPU").finish()
    page = Page("budget", "Budget")
    page.suggest("service perf cpu orders", "the handler <computes>")
    page.suggest("service perf cpu orders", "the handler <computes>")
    page.finish()
    assert capsys.readouterr().out.count("Next: service perf cpu orders: the handler <computes>\n") == 1
    text = reports.read_page(folder, "budget")
    assert "<code>uv run service perf cpu orders</code> the handler &lt;computes&gt;" in text
    assert f'<a href="{reports.find_pages(folder, "cpu")[0].name}">last report</a>' in text
    suggestion = {"command": "service perf cpu orders", "reason": "the handler <computes>"}
    assert reports.read_document(folder, "budget")["next"] == [suggestion]


def test_a_plot_leaves_out_what_was_not_measured_and_all_of_it_if_nothing_was():
    drawn = charts.plot_lines("Memory, MB", [1, 2, 3], {"memory": [5, None, 7]}, "requests a second")
    assert drawn.count('class="dot"') == 2
    assert charts.plot_lines("Memory, MB", [1, 2], {"memory": [None, None]}, "requests a second") == ""
    many = charts.plot_runs("orders", [1.0] * 50, "round", "CPU here / there", [(0.9, 1.1)])
    assert many.count('class="dot"') == 50


def test_the_axis_of_ratios_shows_their_differences_and_others_begin_at_zero():
    plot = charts.plot_lines("Rounds", [1.02, 1.05], {"a round": [1, 2]}, "ratio", [(1, 1), (1.01, 1.06)])
    ticks = re.findall(r'<text class="x"[^>]*>([^<]+)</text>', plot)
    assert ticks == ["1", "1.02", "1.04", "1.06"]
    values = re.findall(r"<text x=[^>]*>([\d.]+)</text>", plot)
    assert values == ["0", "0.5", "1", "1.5", "2"]
    assert plot.count('class="span"') == 2


def test_a_bar_is_as_long_as_its_parts():
    drawn = charts.stack_bars("Times", {"read": {"pool": 1, "database": 3}, "list <a>": {"database": 8}}, "ms")
    widths = [float(width) for width in re.findall(r"width: ([\d.]+)%", drawn)]
    assert widths == pytest.approx([8.75, 26.25, 70], abs=0.01)
    assert "list &lt;a&gt;" in drawn
    assert len(set(re.findall(r"background: (var\(--c\d\))", drawn))) == 2
