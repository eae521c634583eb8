"""The alerts ring for each outage and for none other, by Prometheus' own tool, and each leads to what to do."""

import re

import pytest
import yaml

from tests.deploy import outages
from tests.documents import texts
from tests.harness import shell
from tests.harness.programs import find_program

NEVER = {
    "interval": "30s",
    "input_series": [{"series": 'up{job="another"}', "values": "1x60"}],
    "promql_expr_test": [
        {"expr": outages.FIRING, "eval_time": "1m", "exp_samples": []},
        {
            "expr": outages.FIRING,
            "eval_time": "3m",
            "exp_samples": [{"labels": '{alertname="ServiceAbsent", severity="page"}', "value": 1}],
        },
    ],
}
"""No series of the service has ever been there: no namespace is known."""

SELECTED = re.compile(r'\{service_name="my-service"[^}]*\}')
BY = re.compile(r"\bby \([^)]*\)")
METRIC = re.compile(r"\b[a-z][a-z0-9]*(?:[_:][a-z0-9]+)++(?! *[@(])")
"""A metric that no selection follows."""

OTHER_LINES = ("#", "- record:", "labels:", "summary:", "runbook_url:")
"""Lines of a rule without an expression."""

NAME = re.compile(r"[A-Z][a-z]+(?:[A-Z][a-z]+)+")

OTHERS = {
    "PodMonitor",
    "DiskFullError",
    "ReadOnlySQLTransactionError",
}
"""Names of others, most of them asyncpg's errors, that are written like alerts."""

AROUND = {"When it rings", "What has no alert"}
"""Sections of the runbook that are about all alerts."""

SEARCHED = re.compile(r"grep (?:-E )?'([^']*)'")
"""What a command looks for in a log."""

FAILED = '{"status":503,"event":"request","level":"warning"}'
"""A line of a failed request, as the edge writes it."""

BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


@pytest.fixture(params=[True, False], ids=["jobs", "no-jobs"])
def jobs(request):
    return request.param


@pytest.fixture
def deploy(render, jobs):
    return render(jobs=jobs) / "deploy"


def read_alerts(deploy):
    """Return the rules that are alerts."""
    groups = [yaml.safe_load(path.read_text())["groups"] for path in sorted(deploy.glob("prometheus/alerts*.yml"))]
    rules = [rule for found in groups for group in found for rule in group["rules"]]
    return [rule for rule in rules if "alert" in rule]


@pytest.mark.slow
def test_prometheus_takes_the_rules_and_the_configuration(deploy, tmp_path):
    rules = sorted(deploy.glob("prometheus/alerts*.yml"))
    shell.run(find_program("promtool"), "check", "rules", "--lint-fatal", *rules, cwd=deploy)
    text = (deploy / "prometheus/prometheus.yml").read_text()
    assert "/etc/prometheus/alerts*.yml" in text, "where compose.yaml puts them"
    path = tmp_path / "prometheus.yml"
    path.write_text(text.replace("/etc/prometheus", str(deploy / "prometheus")))
    output = shell.run(find_program("promtool"), "check", "config", "--lint-fatal", path, cwd=deploy)
    assert f"{len(rules)} rule files found" in output


def check_outages(deploy, folder, jobs, old):
    """Let promtool compare what rings at each minute of the outages with what the table says."""
    calm, table = outages.read_table()
    test = outages.make_test(calm, [outage for outage in table if outage.old == old], jobs=jobs)
    rules = [str(path) for path in sorted(deploy.glob("prometheus/alerts*.yml"))]
    given = {"rule_files": rules, "evaluation_interval": test["interval"], "tests": [test, NEVER]}
    path = folder / "test.yml"
    path.write_text(yaml.safe_dump(given))
    shell.run(find_program("promtool"), "test", "rules", path, cwd=folder)


@pytest.mark.slow
def test_each_outage_rings_its_alerts_in_time_and_no_other(deploy, jobs, tmp_path):
    check_outages(deploy, tmp_path, jobs, old=False)


@pytest.mark.slow
def test_a_failover_rings_nothing_in_a_service_that_has_run_for_a_day(render, tmp_path):
    check_outages(render() / "deploy", tmp_path, jobs=True, old=True)


def test_every_alert_rings_in_an_outage_and_no_outage_rings_two_pages(render):
    alerts = {(rule["alert"], rule["labels"]["severity"]) for rule in read_alerts(render() / "deploy")}
    _, table = outages.read_table()
    assert {tuple(name.split()) for outage in table for name in outage.rings} == alerts
    for outage in table:
        assert len([name for name in outage.rings if name.endswith(" page")]) <= 1, outage.name


def test_every_rule_reads_this_service_alone(deploy):
    rules = "".join(path.read_text() for path in deploy.glob("prometheus/alerts*.yml"))
    lines = [line for line in rules.splitlines() if not line.lstrip().startswith(OTHER_LINES)]
    text = BY.sub("", SELECTED.sub("@", "\n".join(lines)))
    assert METRIC.findall(text) == []
    assert METRIC.findall("up + http_requests_total @ + sum(rate(a_total))") == ["a_total"]


def test_documents_runbook_and_rules_name_the_same_alerts(render):
    deploy = render() / "deploy"
    alerts = {}
    for rule in read_alerts(deploy):
        alerts.setdefault(rule["alert"], []).append(rule["labels"]["severity"])
    documents = texts.read_documents(render())
    rows = [row.cells for row in texts.list_rows(documents["operations.md"]) if row.columns[0] == "alert"]
    assert {name.strip("`"): severity.split(", ") for name, severity, *_ in rows} == alerts
    code = "".join(path.read_text() for path in (render() / "src").rglob("*.py"))
    for name in ("operations.md", "production.md", "jobs.md", "a service's runbook.md"):
        written = {it for it in texts.list_quoted(documents[name]) if NAME.fullmatch(it) and it not in code}
        assert written - OTHERS <= alerts.keys(), name


def test_every_alert_has_a_section_in_the_runbook_and_every_section_an_alert(deploy):
    alerts = read_alerts(deploy)
    text = (deploy / "runbook.md").read_text()
    sections = {part.partition("\n")[0]: part.partition("\n")[2] for part in text.split("\n## ")[1:]}
    assert {rule["alert"] for rule in alerts} == sections.keys() - AROUND
    for rule in alerts:
        assert rule["annotations"]["runbook_url"] == f"deploy/runbook.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert sections[rule["alert"]].lstrip().startswith("```sh\n"), "the command to type first"


def test_the_commands_of_the_runbook_are_there_and_find_what_the_kit_logs(deploy, jobs, render, tmp_path):
    blocks = BLOCK.findall((deploy / "runbook.md").read_text())
    kit = render(jobs=jobs) / "src/service/kit"
    commands = {name for block in blocks for name in re.findall(r"-- service ([a-z]+)", block)}
    assert commands == {"queries", *(["jobs"] if jobs else [])}
    assert all((kit / f"commands/{name}.py").is_file() for name in commands)
    code = "".join(path.read_text() for path in kit.rglob("*.py"))
    searched = {text for block in blocks for found in SEARCHED.findall(block) for text in found.split("|")}
    events = {text.removeprefix('"event":"').removesuffix('"') for text in searched}
    assert [text for text in events if not text.startswith('"') and text not in code] == []
    stub = tmp_path / "kubectl"
    stub.write_text("#!/bin/sh\ncat <<'END'\n" + "\n".join([*sorted(searched), FAILED]) + "\nEND\n")
    stub.chmod(0o755)
    for block in blocks:
        assert shell.run("sh", "-ec", block, cwd=tmp_path, PATH=f"{tmp_path}:/usr/bin:/bin"), block
