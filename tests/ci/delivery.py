"""A machine of CI that makes images and deploys them.

The registry and the signatures are real. Stubs, which record their calls, take the place of what needs an engine, a
database of vulnerabilities, or a cluster.
"""

import hashlib
import json
import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

from tests.ci import scripts
from tests.ci.weekly import write_program
from tests.harness import shell
from tests.harness.programs import find_program

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"

USERS = "robot:$2b$04$m9aQn4G7W.G3wnd7jXTtMO2Ci8e03dB9PfxPUBFj4EQFesXOW./QS\n"
"""Who may use the registry: robot, by the password `hidden`."""

DOCKER = """#!/bin/bash
echo "docker $*" >> "$CALLS"
if [ "$1" = login ]; then
    mkdir -p ~/.docker
    echo "{\\"auths\\": {\\"$2\\": {\\"auth\\": \\"$(echo -n "$4:$(cat)" | base64)\\"}}}" > ~/.docker/config.json
fi
for word; do
    case $word in *dest=*) cp -r "$BUILT" "${word##*dest=}" ;; esac
done
"""
"""An engine that has built the image already. It keeps a login where the real one does, for the other programs."""

TRIVY = """#!/bin/bash
echo "trivy $*" >> "$CALLS"
while [ $# -gt 0 ]; do
    [ "$1" != --output ] || echo '{"bomFormat": "CycloneDX", "specVersion": "1.6"}' > "$2"
    [ "$1" != --exit-code ] || [ ! -e "$CALLS.vulnerable" ] || { echo CVE-2026-1; exit 1; }
    shift
done
"""
"""A scanner that finds what it is told to."""

KUBECTL = """#!/bin/bash
echo "kubectl $*" >> "$CALLS"
case "$*" in
    *apply*--output*) echo -n "a-namespace job/migrate" ;;
    *get*--output*) if [ -e "$CALLS.failed" ]; then echo -n Failed; else echo -n Complete; fi ;;
esac
"""
"""A cluster, in which migrations may fail."""

SSH = """#!/bin/bash
echo "ssh $*" >> "$CALLS"
cd "$(dirname "$0")/../host" && bash -c "${!#}"
"""
"""A way to a host, which is a folder of this machine."""

DOWNLOAD = """#!/bin/bash
while [ "$1" != --output ]; do shift; done
echo "exit 0" > "$2"
"""
"""A download of another file than the pinned one."""


class Machine(NamedTuple):
    """A clone of a service on a machine of CI."""

    folder: Path
    image: str
    """Where its images go."""
    environment: dict[str, str]

    @property
    def calls(self) -> Path:
        return Path(self.environment["CALLS"])

    def attempt(self, command: str, **changes: str) -> tuple[int, str]:
        """Run a step; return its exit code and output."""
        return scripts.type_script(command, self.folder, **{**self.environment, **changes})

    def run(self, command: str, **changes: str) -> str:
        """Run a step that has to succeed, and return its output."""
        code, output = self.attempt(command, **changes)
        assert code == 0, output
        return output

    def release(self, **changes: str) -> str:
        """Make the image, or find it; return what is to be deployed."""
        return self.run("deploy/delivery.sh image", **changes).splitlines()[-1].removeprefix("RELEASE=")

    def commit(self, message: str) -> str:
        """Make another commit, and return its name."""
        shell.run("git", "commit", "--quiet", "--allow-empty", "--message", message, cwd=self.folder)
        return shell.run("git", "rev-parse", "HEAD", cwd=self.folder).strip()

    def read_calls(self) -> list[str]:
        """Return what the stubs were called with since the last time."""
        if not self.calls.exists():
            return []
        lines = self.calls.read_text().splitlines()
        self.calls.unlink()
        return lines


def make(folder: Path, service: Path, image: str, **environment: str) -> Machine:
    """Give a service a machine with stubs, and an image that is as good as built."""
    for name, text in {"docker": DOCKER, "trivy": TRIVY, "kubectl": KUBECTL, "ssh": SSH}.items():
        write_program(folder / "bin" / name, text)
    write_layout(folder / "built")
    settings = folder / ".config/containers/registries.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text(f'[[registry]]\nlocation = "{image.split("/")[0]}"\ninsecure = true\n')  # no TLS here
    known = {
        "PATH": os.pathsep.join([str(folder / "bin"), os.environ["PATH"]]),
        "HOME": str(folder),
        "CALLS": str(folder / "calls"),
        "BUILT": str(folder / "built"),
        "IMAGE": image,
        "KUBECONFIG_TEXT": "clusters: []",
    }
    return Machine(service, image, known | environment)


def make_key(folder: Path) -> str:
    """Make a key that signs, beside the one that verifies, and return its text."""
    shell.run(find_program("cosign"), "generate-key-pair", cwd=folder, COSIGN_PASSWORD="secret")
    return (folder / "cosign.key").read_text()


def write_layout(folder: Path, layer: bytes = bytes(1024)) -> None:
    """Write an image of one layer and its provenance, as an engine puts them into a folder."""

    def put(content: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        path = folder / "blobs/sha256" / digest
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return {"digest": f"sha256:{digest}", "size": len(content)}

    def put_image(layer: bytes, kind: str, **platform: str) -> dict[str, Any]:
        known = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
        config = {"mediaType": CONFIG, **put(json.dumps(known).encode())}
        layers = [{"mediaType": kind, **put(layer)}]
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
        return {"mediaType": MANIFEST, **put(json.dumps(manifest).encode()), "platform": platform}

    image = put_image(layer, "application/vnd.oci.image.layer.v1.tar", architecture="amd64", os="linux")
    provenance = put_image(b"{}", "application/vnd.in-toto+json", architecture="unknown", os="unknown")
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [image, provenance]}
    top = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [{"mediaType": INDEX, **put(json.dumps(index).encode())}],
    }
    (folder / "index.json").write_text(json.dumps(top))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


@contextmanager
def serve_registry(folder: Path) -> Generator[str]:
    """Serve a registry that asks for a login, for as long as the block, and yield its address."""
    config = {
        "version": "0.1",
        "log": {"level": "info", "formatter": "json"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "registry")}},
        "http": {"addr": "127.0.0.1:0"},
        "auth": {"htpasswd": {"realm": "registry", "path": str(folder / "users")}},
    }
    (folder / "users").write_text(USERS)
    (folder / "registry.json").write_text(json.dumps(config))
    command = [find_program("docker-registry"), "serve", folder / "registry.json"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr
        lines = map(json.loads, process.stderr)
        address = next(line["msg"] for line in lines if line["msg"].startswith("listening on "))
        reader = Thread(target=process.stderr.read)  # it would stop when nobody reads what it logs
        reader.start()
        yield address.removeprefix("listening on ")
        process.terminate()
        reader.join()
