"""What a document names is there: settings, metrics, files, exports of the rooms, and other names in the code."""

import ast
import re

import pytest

from tests import service
from tests.snapshot import ROOT

BLOCK = re.compile(r"```.*?```", re.DOTALL)
QUOTED = re.compile(r"`([^`]+)`")
SETTING = re.compile(r"\b([A-Z]+)_[A-Z][A-Z_]*\b")
GROUP = re.compile(r"([A-Z]+)_\*: ")
METRIC = re.compile(r"\b[a-z]+(?:_[a-z]+)*_(?:total|seconds|bytes|info|fds)\b")
MADE = re.compile(r"(?:counter|gauge|seconds|Counter|Gauge|Histogram|Info|\w+MetricFamily)\(\s*\"([a-z_]+)\"")
FILE = re.compile(r"(?<![\w/*.-])[\w.-]*(?:/[\w.-]+)*\w\.(?:py|sql|toml|md|yml|yaml|json)")
IMPORT = re.compile(r"from (service\.kit\.\w+) import (\w+(?:, \w+)*)")
NAME = re.compile(r"\b(?:[A-Za-z]\w*_\w+|[A-Z][a-z]+[A-Z]\w+)")

EXAMPLES = {
    "migrations/0003_add_order_remark.sql",
    "migrations/0004_drop_order_note.sql",
    "migrations/NNNN_NAME.sql",
    "ORDERS_MOST_OPEN",
}
"""What a reader would make."""

PRODUCED = {".perf/bench.json", "kit/0001_idempotency_keys.sql", "sbom.json", "/openapi.json", "openapi.json"}
"""What a command makes, or shows under such a name."""

FOREIGN = {
    "BackgroundTasks",
    "IntegrityError",
    "TestClient",
    "add_middleware",
    "dependency_overrides",
    "include_router",
    "response_model",
    "run_in_threadpool",
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "exported_job",
    "smaps_rollup",
}
"""Names of others, which no code of ours has to mention."""


@pytest.fixture(scope="module")
def documents(render):
    """The text of every document but the decisions, which are a record, by its name."""
    made = render()
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *made.glob("*.md"), *made.glob("deploy/*.md")]
    return {path.name if path.is_relative_to(ROOT) else f"a service's {path.name}": path.read_text() for path in found}


@pytest.fixture(scope="module")
def files(render, template):
    """The text of every file, by its path: those of the template and those of a service."""
    both = service.read(template) | service.read(render(ci="gitlab")) | service.read(render())
    return {path: content.decode(errors="replace") for path, (content, _) in both.items()}


@pytest.fixture(scope="module")
def sources(files):
    """The text of every file that is no document, by its path. This module is none: it has what is wrong."""
    others = (".md", ".md.jinja", "tests/test_names.py")
    return {path: text for path, text in files.items() if not path.endswith(others)}


def list_quoted(text):
    return QUOTED.findall(BLOCK.sub("", text))


def list_settings(sources):
    """Return the variables by their group, from the classes whose first line says `GROUP_*: …`."""
    groups = {}
    for path, text in sources.items():
        if path.startswith("src/service/kit/") and path.endswith(".py"):
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.ClassDef) and (group := GROUP.match(ast.get_docstring(node) or "")):
                    fields = [getattr(item.target, "id", "") for item in node.body if isinstance(item, ast.AnnAssign)]
                    groups.setdefault(group[1], set()).update(f"{group[1]}_{field.upper()}" for field in fields)
    return groups


def find_unknown_settings(documents, groups):
    named = {(name, found[0], found[1]) for name, text in documents.items() for found in SETTING.finditer(text)}
    return sorted(
        f"{name}: {setting}" for name, setting, group in named if group in groups and setting not in groups[group]
    )


def find_unknown_metrics(documents, known):
    named = {
        (name, it) for name, text in documents.items() for words in list_quoted(text) for it in METRIC.findall(words)
    }
    return sorted(f"{name}: {metric}" for name, metric in named if metric not in known)


def find_missing_files(documents, paths):
    named = {
        (name, it) for name, text in documents.items() for words in list_quoted(text) for it in FILE.findall(words)
    }
    ends = {"/".join(path.split("/")[-length:]) for path in paths for length in range(1, 9)}
    return sorted(f"{name}: {path}" for name, path in named if path not in ends | EXAMPLES | PRODUCED)


def find_unknown_names(documents, words):
    named = {(name, it) for name, text in documents.items() for said in list_quoted(text) for it in NAME.findall(said)}
    return sorted(f"{name}: {it}" for name, it in named if it not in words)


def find_unknown_imports(documents, sources):
    unknown = []
    for name, text in documents.items():
        for room, imported in IMPORT.findall(text):
            face = ast.parse(sources[f"src/{room.replace('.', '/')}/__init__.py"])
            exported = next(ast.literal_eval(node.value) for node in face.body if isinstance(node, ast.Assign))
            unknown += [f"{name}: {room}.{it}" for it in imported.split(", ") if it not in exported]
    return unknown


def test_every_setting_that_a_document_names_is_there(documents, sources):
    groups = list_settings(sources)
    assert groups.keys() >= {"DATABASE", "EDGE", "SERVER", "JOBS"}
    assert find_unknown_settings(documents, groups) == []
    assert find_unknown_settings({"a": "EDGE_CONCURENCY and MY_OWN"}, groups) == ["a: EDGE_CONCURENCY"]


def test_every_metric_that_a_document_names_is_there(documents, sources):
    known = {name for path, text in sources.items() if path.startswith("src/") for name in MADE.findall(text)}
    known |= {f"{name}{end}" for name in known for end in ("_total", "_info")} | {"orders_shipped_total"}
    assert find_unknown_metrics(documents, known) == []
    assert find_unknown_metrics({"a": "`http_request_total`"}, known) == ["a: http_request_total"]


def test_every_file_that_a_document_names_is_there(documents, files):
    decisions = {path.name: path.read_text() for path in ROOT.glob("docs/decisions/*.md")}
    assert find_missing_files(documents | decisions, files) == []
    assert find_missing_files({"a": "`kit/edge/body.py` and `kit/edge/edge.py`"}, files) == ["a: kit/edge/body.py"]


def test_every_other_name_that_a_document_quotes_stands_in_the_code(documents, sources):
    groups = list_settings(sources)
    words = {word for text in [" ".join(sources), *sources.values()] for word in re.findall(r"\w+", text)}
    words |= {setting for settings in groups.values() for setting in settings} | EXAMPLES | FOREIGN
    words |= {word for path in EXAMPLES | PRODUCED for word in NAME.findall(path)}
    assert find_unknown_names(documents, words) == []
    assert find_unknown_names({"a": "`db.find_row(…)` and `db.fetch_one(…)`"}, words) == ["a: find_row"]


def test_what_a_document_imports_is_exported(documents, sources):
    assert find_unknown_imports(documents, sources) == []
    wrong = {"a": "from service.kit.db import Database, Pool"}
    assert find_unknown_imports(wrong, sources) == ["a: service.kit.db.Pool"]
