"""The alerts are right by Prometheus' own tool, and each leads to what to do about it."""

import pytest
import yaml

from tests.harness import shell
from tests.harness.programs import find_program


@pytest.fixture(params=[True, False], ids=["jobs", "no-jobs"])
def deploy(request, render):
    return render(jobs=request.param) / "deploy"


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


def test_every_alert_has_a_section_in_the_runbook_and_every_section_an_alert(deploy):
    groups = [yaml.safe_load(path.read_text())["groups"] for path in deploy.glob("prometheus/alerts*.yml")]
    rules = [rule for found in groups for group in found for rule in group["rules"]]
    sections = [line[3:] for line in (deploy / "runbook.md").read_text().splitlines() if line.startswith("## ")]
    assert {rule["alert"] for rule in rules} == set(sections)
    for rule in rules:
        assert rule["annotations"]["runbook_url"] == f"deploy/runbook.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("page", "ticket")
