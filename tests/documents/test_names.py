"""Files, public names of the packages and other names that a document quotes are there."""

import ast
import re

import pytest

from tests.documents import texts
from tests.harness import releases, shell
from tests.harness.snapshot import ROOT

FILE = re.compile(r"(?<![\w/*.-])[\w.-]*(?:/[\w.-]+)*\w\.(?:py|sql|toml|md|yml|yaml|json)\b")
IMPORT = re.compile(r"from (service\.kit\.\w+) import (\w+(?:, \w+)*)")
NAME = re.compile(r"\b(?:[A-Za-z]\w*_\w+|[A-Z][a-z]+[A-Z]\w+)")

EXAMPLES = {
    "migrations/0003_add_order_remark.sql",
    "migrations/0004_drop_order_note.sql",
    "migrations/NNNN_NAME.sql",
    "FILES_MAX_BYTES",
    "compose.override.yaml",
    "deploy/compose.override.yaml",
    "MAIL_SECURITY",
    "ORDERS_MAX_OPEN",
    "PICTURES_FOLDER",
    "SENTRY_DSN",
    "WEBHOOK_SECRET",
    "add_order_shipped_at",
    "search_orders",
    "shipped_at",
}
"""What a reader would make."""

PRODUCED = {
    ".perf/bench.json",
    "perf/accepted.json",
    "kit/0001_idempotency_keys.sql",
    "kit/0006_idempotency_functions.sql",
    "kit/0007_rates.sql",
    "sbom.json",
    "/openapi.json",
    "openapi.json",
}
"""What a command makes, or shows under such a name."""

FOREIGN = {
    "BackgroundTasks",
    "CI_JOB_TOKEN",
    "IntegrityError",
    "TestClient",
    "add_middleware",
    "auto_error",
    "dependency_overrides",
    "exception_handler",
    "include_router",
    "capture_exception",
    "raise_for_status",
    "response_model",
    "run_in_threadpool",
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "exported_job",
    "inhibit_rules",
    "enable_ipv6",
    "shared_buffers",
    "so_reuseport",
    "synchronous_standby_names",
    "smaps_rollup",
    "pg_blocking_pids",
    "DiskFullError",
    "ReadOnlySQLTransactionError",
    "kube_deployment_status_replicas_available",
    "node_filesystem_avail_bytes",
    "probe_ssl_earliest_cert_expiry",
    "probe_success",
}
"""Names of others, which no code of ours has to mention."""


@pytest.fixture(scope="module")
def documents(render):
    return texts.read_documents(render())


@pytest.fixture(scope="module")
def files(render, template):
    return texts.read_files(template, render(ci="gitlab"), render())


@pytest.fixture(scope="module")
def sources(files):
    """The text of every file that is no document, by its path. This module is none: it has what is wrong."""
    others = (".md", ".md.jinja", "tests/documents/test_names.py")
    return {path: text for path, text in files.items() if not path.endswith(others)}


def find_missing_files(documents, paths):
    quoted = {(name, words) for name, text in documents.items() for words in texts.list_quoted(text)}
    named = [path.removesuffix(".jinja") for path in paths]
    ends = {"/".join(path.split("/")[-length:]) for path in named for length in range(1, 9)} | EXAMPLES | PRODUCED
    return sorted(f"{name}: {it}" for name, words in quoted for it in FILE.findall(words) if it not in ends)


def find_unknown_names(documents, known):
    quoted = {(name, words) for name, text in documents.items() for words in texts.list_quoted(text)}
    return sorted(f"{name}: {it}" for name, words in quoted for it in NAME.findall(words) if it not in known)


def find_unknown_imports(documents, sources):
    unknown = []
    for name, text in documents.items():
        for package, imported in IMPORT.findall(text):
            exported = list_exports(package, sources)
            unknown += [f"{name}: {package}.{it}" for it in imported.split(", ") if it not in exported]
    return unknown


def list_exports(package, sources):
    """The public names of a package, or those that a module defines."""
    path = f"src/{package.replace('.', '/')}"
    if f"{path}/__init__.py" in sources:
        public = ast.parse(sources[f"{path}/__init__.py"])
        return next(ast.literal_eval(node.value) for node in public.body if isinstance(node, ast.Assign))
    return {node.name for node in ast.parse(sources[f"{path}.py"]).body if isinstance(node, ast.ClassDef)}


def test_every_file_that_a_document_names_is_there(documents, files):
    decisions = {path.name: path.read_text() for path in ROOT.glob("docs/contributing/decisions/*.md")}
    now = {name: text for name, text in documents.items() if name != "CHANGELOG.md"}
    assert find_missing_files(now | decisions, files) == []
    released = [shell.run("git", "ls-tree", "-r", "--name-only", it, cwd=ROOT) for it in releases.find(ROOT).values()]
    assert find_missing_files(documents, [*files, *"\n".join(released).split()]) == [], (
        "the changelog names what is gone"
    )
    assert find_missing_files({"a": "`kit/edge/body.py` and `kit/edge/edge.py`"}, files) == ["a: kit/edge/body.py"]


def test_every_other_name_that_a_document_quotes_stands_in_the_code(documents, sources):
    known = {word for text in [" ".join(sources), *sources.values()] for word in re.findall(r"\w+", text)}
    known |= {setting for settings in texts.list_settings(sources).values() for setting in settings}
    known |= {word for path in EXAMPLES | PRODUCED for word in NAME.findall(path)} | FOREIGN
    assert find_unknown_names(documents, known) == []
    assert find_unknown_names({"a": "`db.find_row(…)` and `db.fetch_one(…)`"}, known) == ["a: find_row"]


def test_what_a_document_imports_is_exported(documents, sources):
    assert find_unknown_imports(documents, sources) == []
    wrong = {"a": "from service.kit.db import Database, Pool"}
    assert find_unknown_imports(wrong, sources) == ["a: service.kit.db.Pool"]
