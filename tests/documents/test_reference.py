"""Settings with their defaults and metrics with their labels are in the documents what they are in the code."""

import re

import pytest

from tests.documents import texts

SETTING = re.compile(r"\b([A-Z]+)_[A-Z][A-Z_]*\b")
FILE = "_FILE"
"""Ends the name of a variable with the path of a secret, in place of the secret itself."""
NUMBER = re.compile(r"\d[\d,.]*\d|\d")
TOLD = re.compile(rf"`([A-Z]+_[A-Z_]+)`\s+\(({NUMBER.pattern})(?: s)?\)")
METRIC = re.compile(r"\b[a-z]+(?:_[a-z]+)*_(?:total|seconds|bytes|info|fds)\b")

PROCESS = {f"process_{name}": ("process",) for name in ("cpu_seconds_total", "resident_memory_bytes", "open_fds")}
"""What prometheus_client tells of each process: tests/inside/server/test_metrics_endpoint.py reads them."""


@pytest.fixture(scope="module")
def documents(render):
    return texts.read_documents(render())


@pytest.fixture(scope="module")
def groups(render):
    return texts.list_settings(texts.read_files(render()))


@pytest.fixture(scope="module")
def metrics(render):
    return texts.list_metrics(texts.read_files(render())) | PROCESS


def find_unknown_settings(documents, groups):
    named = {(name, found[0], found[1]) for name, text in documents.items() for found in SETTING.finditer(text)}
    named = {(name, it.removesuffix(FILE), group) for name, it, group in named}
    return sorted(f"{name}: {it}" for name, it, group in named if group in groups and it not in groups[group])


def list_told_defaults(text):
    """Yield the settings that a text names with a default: in brackets, or in a table with a column of defaults."""
    yield from TOLD.findall(text)
    for columns, cells in texts.list_rows(text):
        if "default" in columns:
            at = columns.index("default")
            yield from zip(re.findall(r"`([A-Z]+_[A-Z_]+)`", cells[at - 1]), NUMBER.findall(cells[at]), strict=False)


def find_other_defaults(documents, groups):
    settings = {name: value for group in groups.values() for name, value in group.items()}
    numbers = {name: value for name, value in settings.items() if type(value) in (int, float)}
    told = {(name, *it) for name, text in documents.items() for it in list_told_defaults(text) if it[0] in numbers}
    return sorted(f"{name}: {it} {said}" for name, it, said in told if float(said.replace(",", "")) != numbers[it])


def find_unknown_metrics(documents, metrics):
    quoted = {(name, words) for name, text in documents.items() for words in texts.list_quoted(text)}
    return sorted(f"{name}: {it}" for name, words in quoted for it in METRIC.findall(words) if it not in metrics)


def find_other_labels(documents, metrics):
    rows = [(name, row) for name, text in documents.items() for row in texts.list_rows(text)]
    told = {
        (name, it, tuple(filter(None, cells[1].split(", "))))
        for name, (columns, cells) in rows
        if columns[:2] == ["metric", "labels"]
        for it in re.findall(r"`([a-z_]+)`", cells[0])
    }
    return sorted(f"{name}: {it} {labels}" for name, it, labels in told if labels != metrics.get(it))


def test_every_setting_that_a_document_names_is_there(documents, groups):
    assert groups.keys() >= {"DATABASE", "EDGE", "SERVER", "JOBS"}
    assert find_unknown_settings(documents, groups) == []
    assert find_unknown_settings({"a": "EDGE_CONCURENCY and MY_OWN"}, groups) == ["a: EDGE_CONCURENCY"]


def test_every_default_that_a_document_tells_is_that_of_the_code(documents, groups):
    assert len({it for text in documents.values() for it, _ in list_told_defaults(text)}) > 30
    assert find_other_defaults(documents, groups) == []
    wrong = "| limit | setting | default |\n|---|---|---|\n| a | `EDGE_BODY_GRACE`, `EDGE_BODY_RATE` | 3 s, 9,000 |\n"
    assert find_other_defaults({"a": wrong}, groups) == ["a: EDGE_BODY_RATE 9,000"]


def test_every_metric_that_a_document_names_is_there(documents, metrics):
    others = {"orders_shipped_total", "max_bytes"}  # an example, and an option of a route
    others |= {"node_filesystem_avail_bytes"}  # an exporter's
    others |= {"backup_last_success_timestamp_seconds", "backup_size_bytes"}  # of backup.sh
    assert find_unknown_metrics(documents, metrics.keys() | others) == []
    assert find_unknown_metrics({"a": "`http_request_total`"}, metrics) == ["a: http_request_total"]


def test_every_metric_has_the_labels_that_a_document_gives_it(documents, metrics):
    assert metrics["http_requests_total"] == ("method", "route", "status")
    assert find_other_labels(documents, metrics) == []
    wrong = "| metric | labels | |\n|---|---|---|\n| `jobs_running` | job | |\n"
    assert find_other_labels({"a": wrong}, metrics) == ["a: jobs_running ('job',)"]
