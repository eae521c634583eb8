"""The manifests as kustomize builds them: the objects, their pods, and what selects and configures those."""

import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2
import yaml

from tests.harness import releases, service, shell
from tests.harness.programs import find_program
from tests.harness.snapshot import ROOT

type Object = dict[str, Any]
type Objects = dict[tuple[str, str], Object]
"""By kind and name."""


def build_objects(folder: Path) -> list[Object]:
    return list(yaml.safe_load_all(shell.run(find_program("kustomize"), "build", folder, cwd=folder)))


def name_objects(objects: Iterable[Object], prefix: str = "") -> Objects:
    """Return objects by kind and name, without the prefix and the hash of a name."""
    return {(it["kind"], re.sub(r"-\w{10}$", "", it["metadata"]["name"]).removeprefix(prefix)): it for it in objects}


def add_components(kubernetes: Path, folder: Path, *names: str) -> list[Object]:
    """Return the objects of a production overlay that lists components, as its comments say."""
    copied = shutil.copytree(kubernetes, folder)
    lines = [(f"  # - ../../components/{name} ", f"  - ../../components/{name} ") for name in names]
    service.replace(copied / "overlays/production/kustomization.yaml", *lines)
    return build_objects(copied / "overlays/production")


def validate_objects(objects: Iterable[Object], path: Path) -> None:
    path.write_text(yaml.safe_dump_all(objects))
    shell.run(Path(sys.executable).with_name("kubernetes-validate"), "--strict", path, cwd=ROOT)


def list_pods(objects: Objects) -> Objects:
    return {key: it["spec"]["template"] for key, it in objects.items() if "template" in it.get("spec", {})}


def find_selectors(objects: Objects) -> dict[tuple[str | int, ...], dict[str, str]]:
    """Return the labels that each object selects pods by."""
    found: dict[tuple[str | int, ...], dict[str, str]] = {}
    for key, it in objects.items():
        spec = it.get("spec", {})
        for name in spec.keys() & {"podSelector", "selector"}:
            found[key] = spec[name].get("matchLabels", spec[name])
    for key, pod in list_pods(objects).items():
        for number, constraint in enumerate(pod["spec"].get("topologySpreadConstraints", [])):
            found[*key, number] = constraint["labelSelector"]["matchLabels"]
    return found


def find_references(objects: Objects) -> set[tuple[str, str]]:
    """Return what the environment of pods is read from. Settings are there, and secrets are created apart."""
    sources = [it for pod in list_pods(objects).values() for it in pod["spec"]["containers"][0]["envFrom"]]
    settings = {("ConfigMap", it["configMapRef"]["name"]) for it in sources if "configMapRef" in it}
    secrets = {("Secret", it["secretRef"]["name"]) for it in sources if "secretRef" in it}
    assert settings <= objects.keys()
    assert len(settings) == len(secrets) == 1
    return settings | secrets


def render_release(version: str, folder: Path, **answers: Any) -> Path:
    """Render the manifests of a release, and return their folder."""
    commit = releases.find(ROOT)[version]
    path = "template/deploy/kubernetes/"
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, autoescape=False)  # as in copier.yml
    for name in shell.run("git", "ls-tree", "-r", "--name-only", commit, path, cwd=ROOT).splitlines():
        text = shell.run("git", "show", f"{commit}:{name}", cwd=ROOT)
        target = folder / name.removeprefix(path).removesuffix(".jinja")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(environment.from_string(text).render(project_name="my-service", **answers))
    return folder
