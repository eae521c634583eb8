"""The manifests are valid, keep their promises in every overlay, and two services can share a namespace."""

import json
import shutil

import pytest

from tests.deploy.manifests import (
    add_components,
    build_objects,
    find_references,
    find_selectors,
    list_pods,
    name_objects,
    render_release,
    validate_objects,
)
from tests.harness import shell
from tests.harness.service import ANSWERS

PEOPLE = 10
"""Connections for people and for what else looks at the database."""
MAX_CONNECTIONS = 100
"""PostgreSQL's default, less the three that it keeps for superusers."""
POOL = 4
"""Connections of one worker on one core: CONNECTIONS_PER_CORE of the package db."""
MAX_NAME = 63
"""Characters of a name that is a label as well."""
OVERLAYS = ("staging", "production")
COMPONENTS = ("egress-collector", "egress-https", "pod-monitor", "requests-autoscaling")

MODELS = "cloudcoil-models-prometheus-operator==0.80.1.0"
"""Of the Prometheus operator. Later ones need Python 3.14."""
CHECK = """
import sys
from cloudcoil.models.prometheus_operator.v1 import PodMonitor
print(PodMonitor.model_validate_json(sys.argv[1], extra="forbid").metadata.name)
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=[True, False], ids=["jobs", "no-jobs"])
def jobs(request):
    return request.param


@pytest.fixture(scope="module")
def kubernetes(render, jobs):
    return render(jobs=jobs) / "deploy/kubernetes"


@pytest.fixture(scope="module", params=OVERLAYS)
def objects(kubernetes, request):
    """The objects of an overlay by kind and name, without the prefix and the hash of a name."""
    return name_objects(build_objects(kubernetes / "overlays" / request.param), "my-service-")


@pytest.fixture(scope="module")
def settings(kubernetes):
    lines = (kubernetes / "base/settings.env").read_text().splitlines()
    return dict(line.split("=") for line in lines if line and not line.startswith("#"))


def test_kubernetes_takes_an_overlay(objects, tmp_path):
    validate_objects(objects.values(), tmp_path / "built.yaml")


def test_an_overlay_keeps_what_the_base_promises(objects, jobs):
    assert (("Deployment", "worker") in objects) == jobs
    chosen = objects["NetworkPolicy", "service"]["spec"]["podSelector"]["matchLabels"]
    for key, pod in list_pods(objects).items():
        (container,) = pod["spec"]["containers"]
        assert chosen.items() <= pod["metadata"]["labels"].items(), key
        assert pod["spec"]["securityContext"]["runAsNonRoot"], key
        assert container["securityContext"]["readOnlyRootFilesystem"], key
        assert container["image"].startswith("registry.example.com/my-service:"), key
        assert objects[key]["metadata"]["labels"]["app.kubernetes.io/component"] == key[1], "release.sh goes by it"
    labelled = {key for key, it in objects.items() if "app.kubernetes.io/component" in it["metadata"].get("labels", {})}
    assert labelled == list_pods(objects).keys(), "`rollout status` knows no other kinds"


def test_probes_restart_what_hangs_and_never_for_the_database(objects, jobs):
    ports = {"web": "http", "worker": "metrics"}
    pods = {name: pod for (kind, name), pod in list_pods(objects).items() if kind == "Deployment"}
    assert len(pods) == 1 + jobs
    for name, pod in pods.items():
        (container,) = pod["spec"]["containers"]
        asked = {probe: container[f"{probe}Probe"]["httpGet"] for probe in ("startup", "liveness", "readiness")}
        assert {it["port"] for it in asked.values()} == {ports[name]}
        assert ports[name] in {port["name"] for port in container["ports"]}
        assert [it["path"] for it in asked.values()] == ["/livez", "/livez", "/readyz"], "/readyz asks the database"
        assert container["readinessProbe"]["timeoutSeconds"] > 2, "CHECK_SECONDS of the package edge"


def test_a_pod_has_time_to_stop(objects, settings, jobs):
    pods = list_pods(objects)
    delay, drain, kill = (int(settings[f"SERVER_{name}"]) for name in ("DRAIN_DELAY", "DRAIN_TIMEOUT", "KILL_TIMEOUT"))
    assert drain < kill
    web = pods["Deployment", "web"]["spec"]
    probe = web["containers"][0]["readinessProbe"]
    assert delay > probe["periodSeconds"] * probe["failureThreshold"], "it is out of the balancer before it closes"
    assert delay + kill < web["terminationGracePeriodSeconds"]
    if jobs:
        worker = pods["Deployment", "worker"]["spec"]
        assert int(settings["JOBS_KILL_TIMEOUT"]) < worker["terminationGracePeriodSeconds"]


def test_all_pods_together_fit_into_the_database(objects, settings, jobs):
    reserve = int(settings["DATABASE_RESERVE"])
    web = objects["Deployment", "web"]["spec"]
    assert web["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"] == "1"
    most = (
        objects["HorizontalPodAutoscaler", "web"]["spec"]["maxReplicas"] + web["strategy"]["rollingUpdate"]["maxSurge"]
    )
    of_pod = POOL + 1  # one is for /readyz
    of_worker = 10 + 1  # JOBS_CONCURRENCY, and the queue's own
    workers = (objects["Deployment", "worker"]["spec"]["replicas"] + 1) * of_worker if jobs else 0
    wanted = most * of_pod + workers + 1 + PEOPLE  # one migrates
    assert wanted <= MAX_CONNECTIONS - 3
    assert reserve >= wanted - of_pod - of_worker * jobs, "`serve` counts its own, and jobs' once"
    assert reserve + of_pod + of_worker <= MAX_CONNECTIONS - 3, "a pod that is alone starts"


def test_components_add_what_they_say(kubernetes, tmp_path):
    assert {path.name for path in (kubernetes / "components").iterdir()} == set(COMPONENTS)
    added = name_objects(add_components(kubernetes, tmp_path / "all", *COMPONENTS), "my-service-")
    monitor = added.pop(("PodMonitor", "service"))
    validate_objects(added.values(), tmp_path / "built.yaml")

    web = added["HorizontalPodAutoscaler", "web"]["spec"]["metrics"]
    base = name_objects(build_objects(kubernetes / "base"))
    alone = base["HorizontalPodAutoscaler", "web"]["spec"]["metrics"]
    assert [it["type"] for it in alone] == ["Resource"], "without its adapter, a metric stops scaling down"
    assert [it["type"] for it in web] == ["Resource", "Pods"]
    metric = web[1]["pods"]["metric"]["name"]
    assert f'"{metric}"' in (kubernetes.parents[1] / "src/service/kit/work/metrics.py").read_text()

    for name, ports in (("collector", [4317, 4318]), ("https", [443])):
        policy = added["NetworkPolicy", f"egress-{name}"]["spec"]
        assert policy["policyTypes"] == ["Egress"]
        assert [port["port"] for port in policy["egress"][0]["ports"]] == ports
        assert policy["podSelector"] == added["NetworkPolicy", "service"]["spec"]["podSelector"]

    for key in added.keys() & {("Deployment", "web"), ("Deployment", "worker")}:
        pod = added[key]["spec"]["template"]
        assert monitor["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
        assert "metrics" in {port["name"] for port in pod["spec"]["containers"][0]["ports"]}


def test_the_prometheus_operator_takes_the_pod_monitor(render, tmp_path):
    objects = add_components(render() / "deploy/kubernetes", tmp_path / "all", "pod-monitor")
    (monitor,) = [it for it in objects if it["kind"] == "PodMonitor"]
    command = ["uv", "run", "--quiet", "--no-project", "--with", MODELS, "python", "-c", CHECK, json.dumps(monitor)]
    assert shell.run(*command, cwd=tmp_path).strip() == "my-service-service"


def test_two_services_share_a_namespace(render, tmp_path):
    built = []
    longest = ANSWERS["odd"] | {"jobs": True, "ci": "github", "deploy": "kubernetes"}
    for answers in ({}, longest):
        folder = render(**answers) / "deploy/kubernetes"
        objects = add_components(folder, tmp_path / str(len(built)), *COMPONENTS)
        built.append({(it["kind"], it["metadata"]["name"]): it for it in objects})
    one, other = built
    assert not one.keys() & other.keys()
    assert all(len(name) <= MAX_NAME for _, name in one.keys() | other.keys())
    for ours, theirs in ((one, other), (other, one)):
        labels = [pod["metadata"]["labels"] for pod in list_pods(ours).values()]
        foreign = [pod["metadata"]["labels"] for pod in list_pods(theirs).values()]
        selectors = find_selectors(ours)
        kinds = {"Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy", "PodMonitor"}
        assert {key[0] for key in selectors} == kinds
        for key, selector in selectors.items():
            assert any(selector.items() <= it.items() for it in labels), f"{key} selects none of its own pods"
            assert not any(selector.items() <= it.items() for it in foreign), f"{key} selects pods of the other"
        for key, it in ours.items():
            if "scaleTargetRef" in it.get("spec", {}):
                assert ("Deployment", it["spec"]["scaleTargetRef"]["name"]) in ours, key
    assert not find_references(one) & find_references(other)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_of_v2_selects_and_names_what_it_did(kubernetes, jobs, overlay, tmp_path):
    old = render_release("v2.1.0", tmp_path / "old", jobs=jobs)
    before = name_objects(build_objects(old / "overlays" / overlay))
    updated = shutil.copytree(kubernetes, tmp_path / "updated")
    shutil.rmtree(updated / "overlays")
    shutil.copytree(old / "overlays", updated / "overlays")
    after = name_objects(build_objects(updated / "overlays" / overlay))
    validate_objects(after.values(), tmp_path / "built.yaml")
    assert after.keys() == before.keys()
    assert find_selectors(after) == find_selectors(before), "Kubernetes lets nobody change them"
    for key, pod in list_pods(after).items():
        (container,), (container_before,) = pod["spec"]["containers"], list_pods(before)[key]["spec"]["containers"]
        assert container["envFrom"][1] == container_before["envFrom"][1] == {"secretRef": {"name": "service"}}
