"""The image as buildah builds it from the Dockerfile, and a container of it: without an engine, and without a registry.

The bases come from a registry, which the tests cannot reach. In their place are images by the same names: packages of
the machine's distribution, unpacked, and the machine's uv.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.harness import shell
from tests.harness.programs import find_program

PACKAGES = ("base-files", "base-passwd", "bash", "ca-certificates", "coreutils", "dash", "grep", "passwd", "python3")
"""What the Dockerfile and the service need of a base."""

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin"
NAME = "localhost/service:test"
LIMITS = ("--ulimit", "nproc=4096", "--ulimit", "nofile=1024")  # the default ones exceed what a machine may allow
ISOLATION = ("--isolation", "chroot", "--network", "host", *LIMITS)

CONTAIN = """
set -e
root=$1
shared=$2
shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs none "$root/tmp"
mount -t tmpfs none "$root/dev"
for name in null zero full random urandom; do
    touch "$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir "$root/dev/shm"
mount -t tmpfs none "$root/dev/shm"
mkdir -p "$root/tmp/shared"
mount --bind "$shared" "$root/tmp/shared"
mount -o remount,ro,bind "$root"
cd "$root"
exec chroot --userspec="$CONTAINER_USER" "$root" /bin/sh -c 'cd "$0" && exec "$@"' "$CONTAINER_FOLDER" "$@"
"""
"""Runs a command as an engine does: a read-only root, memory at /tmp and /dev/shm, the user and folder of the image."""


class Images:
    """The images in a folder of the tests' own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config: dict[str, Any] = {}
        folder.mkdir()

    def run(self, *arguments: str | Path, cwd: Path | None = None) -> str:
        places = ("--root", self.folder / "images", "--runroot", self.folder / "run", "--storage-driver", "vfs")
        return shell.run(find_program("buildah"), *places, *arguments, cwd=cwd or self.folder)

    def build(self, context: Path) -> None:
        """Build the Dockerfile of a service."""
        text = (context / "deploy/Dockerfile").read_text()
        versions = dict(re.findall(r"^ARG (\w+)=(.+)$", text, re.MULTILINE))
        [base] = set(re.findall(r"^FROM (\S+)", text, re.MULTILINE))
        [uv] = re.findall(r"^COPY --from=(\S+:\S+) /uv", text, re.MULTILINE)
        self.make_base(base.replace("${PYTHON_VERSION}", versions["PYTHON_VERSION"]))
        self.make_uv(uv)
        cache = shell.run("uv", "cache", "dir", cwd=context).strip()
        file = ("--file", "deploy/Dockerfile", "--ignorefile", "deploy/Dockerfile.dockerignore")
        options = ("--format", "docker", "--pull-never", "--volume", f"{cache}:/root/.cache/uv", "--tag", NAME)
        self.log = self.run("build", *ISOLATION, *file, *options, ".", cwd=context)
        found = json.loads(self.run("inspect", "--type", "image", NAME))
        self.config = found["Docker"]["config"]

    def make_base(self, name: str) -> None:
        root = self.folder / "base"
        unpack_packages(root, self.folder / "packages")
        environment = f"ENV PATH={PATH}"
        if CERTIFICATES.exists():  # of an index behind a proxy with an authority of its own
            shutil.copyfile(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
            environment += f" SSL_CERT_FILE={CERTIFICATES}"
        (self.folder / "base.Dockerfile").write_text(f"FROM scratch\nCOPY base /\n{environment}\n")
        self.run("build", *ISOLATION, "--file", "base.Dockerfile", "--tag", f"docker.io/library/{name}", ".")

    def make_uv(self, name: str) -> None:
        program = Path(shutil.which("uv") or "").resolve()
        (self.folder / "uv").mkdir()
        shutil.copyfile(program, self.folder / "uv/uv")
        (self.folder / "uv/uv").chmod(0o755)
        (self.folder / "uv.Dockerfile").write_text("FROM scratch\nCOPY uv/uv /uv\n")
        self.run("build", *ISOLATION, "--file", "uv.Dockerfile", "--tag", name, ".")

    def mount(self) -> Path:
        """Return the root of a container."""
        self.run("from", "--pull-never", "--name", "container", NAME)
        return Path(self.run("mount", "container").strip())

    @contextmanager
    def start(self, root: Path, shared: Path, *command: str, **settings: str) -> Generator[subprocess.Popen[str]]:
        """Run a command in a container, with `shared` at /tmp/shared; by default the command of the image.

        Its process is that of the service itself, as in an engine.
        """
        environment = dict(pair.split("=", 1) for pair in self.config["Env"]) | settings
        environment |= {"CONTAINER_USER": self.config["User"], "CONTAINER_FOLDER": self.config["WorkingDir"]}
        contain = ("unshare", "--mount", "sh", "-c", CONTAIN, "contain", root, shared)
        with subprocess.Popen(
            [*contain, *(command or self.config["Cmd"])],
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            try:
                yield process
            finally:
                process.kill()


def unpack_packages(root: Path, folder: Path) -> None:
    """Unpack Debian's packages, with all that they need, and without running their scripts."""
    (folder / "partial").mkdir(parents=True)
    options = ("-o", "Dir::State::Status=/dev/null", "-o", f"Dir::Cache::Archives={folder}")
    sandbox = ("-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=1")
    install = ("install", "--yes", "--no-install-recommends", "--download-only", *PACKAGES)
    shell.run("apt-get", *options, *sandbox, *install, cwd=folder)
    for package in sorted(folder.glob("*.deb")):
        shell.run("dpkg-deb", "--extract", package, root, cwd=folder)
    for name in ("passwd", "group"):
        shutil.copyfile(root / f"usr/share/base-passwd/{name}.master", root / f"etc/{name}")


def list_files(root: Path) -> set[str]:
    """Return the files below a folder."""
    found = set()
    for folder, _, names in os.walk(root):
        found |= {str(Path(folder, name).relative_to(root)) for name in names}
    return found
