"""Builds the programs of the comparison that are not Python, once, or says what they lack.

`axum` is built by Debian's cargo from the crates that Debian packages, and no other source. `fastify` runs on Node.js
with the packages that its lock file names. What is built is kept in the user's cache.
"""

import json
import os
import shutil
import tomllib
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from tests.harness import sharing, shell

PROGRAMS = Path(__file__).parent / "programs"
WITH_DUTIES = "axum with duties"
"""The program `axum` when it does for each request what the service does besides answering it."""

OPTIONAL = ("axum", WITH_DUTIES, "fastify")
"""The programs of this module."""

CARGO, RUSTC = Path("/usr/bin/cargo"), Path("/usr/bin/rustc")
"""Debian's: another toolchain on PATH may be too new or too old for Debian's crates."""

CRATES = Path("/usr/share/cargo/registry")
"""Where Debian's packages put the sources of crates."""

PACKAGES = (
    "cargo librust-axum-dev librust-chrono-dev librust-jsonwebtoken-dev librust-lru-dev librust-sqlx-dev"
    " librust-tower-dev librust-tower-http-dev librust-tracing-appender-dev librust-tracing-subscriber-dev"
    " librust-xxhash-rust-dev"
)
"""What `axum` is built from, for apt-get."""


class MissingError(Exception):
    """A program cannot be built or run here. The message says what to install."""


class Build(NamedTuple):
    """A program that is ready to run, and the versions of what it is made of. Its first argument is a port."""

    command: list[str]
    versions: dict[str, str]


def select_available(programs: Iterable[str] = OPTIONAL) -> list[str]:
    """Return the programs that can be run here, built if need be, and say why each other one cannot."""
    available = []
    left_out: dict[str, list[str]] = {}
    for program in programs:
        try:
            build(program)
        except MissingError as error:
            left_out.setdefault(str(error), []).append(program)
        else:
            available.append(program)
    for reason, names in left_out.items():
        print(f"Without {' and '.join(names)}: {reason}", flush=True)
    return available


def list_installed() -> list[str]:
    """Return the programs for which everything is installed that builds and runs them."""
    has_node, has_crates = not find_missing_commands(), not find_missing_crates()
    return [program for program in OPTIONAL if (has_node if program == "fastify" else has_crates)]


def build(program: str) -> Build:
    """Return a program, one of OPTIONAL. Raises MissingError."""
    return install_fastify() if program == "fastify" else build_axum()


def make_command(program: str, port: int) -> list[str]:
    """Return the command that starts a program, one of OPTIONAL. Raises MissingError."""
    more = ["duties"] if program == WITH_DUTIES else []
    return [*build(program).command, str(port), *more]


def read_versions(programs: Iterable[str]) -> dict[str, str]:
    """Return the versions of what these programs are made of."""
    versions: dict[str, str] = {}
    for program in programs:
        versions |= build(program).versions
    return versions


def build_axum() -> Build:
    """Compile the program in Rust, which takes some minutes, unless it is in the cache."""
    if missing := find_missing_crates():
        advice = f"On Debian 13, run `apt-get install --no-install-recommends {PACKAGES}`"
        raise MissingError(f"{', '.join(missing)} not found. {advice}")
    compiler = shell.run(RUSTC, "--version", cwd=PROGRAMS).split()[1]
    folder = make_once("axum", compiler, compile_axum)
    crates = tomllib.loads((folder / "Cargo.lock").read_text())["package"]
    locked = {crate["name"]: crate["version"] for crate in crates}
    versions = {"Rust": compiler, "Axum": locked["axum"], "SQLx": locked["sqlx"]}
    return Build([str(folder / "axum-orders")], versions)


def find_missing_crates() -> list[str]:
    """Return what is not installed of Debian's cargo and of the crates that the program names."""
    wanted = tomllib.loads((PROGRAMS / "axum/Cargo.toml").read_text())["dependencies"]
    missing = [str(path) for path in (CARGO, RUSTC) if not path.exists()]
    return missing + [f"the crate {name}" for name in wanted if not any(CRATES.glob(f"{name}-[0-9]*"))]


def compile_axum(folder: Path) -> None:
    """Compile the sources in a folder, and keep the program and the versions of its crates."""
    replaced = ["--config", 'source.crates-io.replace-with="debian"']
    replaced += ["--config", f'source.debian.directory="{CRATES}"']
    variables = {"RUSTC": str(RUSTC), "CARGO_HOME": str(folder / "target/home")}
    print("Compiling axum: some minutes, once", flush=True)
    run_build(CARGO, "build", "--quiet", "--release", "--offline", *replaced, cwd=folder, **variables)
    shutil.move(folder / "target/release/axum-orders", folder)
    shutil.rmtree(folder / "target")


def install_fastify() -> Build:
    """Install the packages of the program on Node.js, unless they are in the cache."""
    if missing := find_missing_commands():
        advice = "Install Node.js 20 or newer: on Debian 13, run `apt-get install npm`"
        raise MissingError(f"{' and '.join(missing)} not found. {advice}")
    node = shell.run("node", "--version", cwd=PROGRAMS).strip().removeprefix("v")
    folder = make_once("fastify", node, install_packages)
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]
    versions = {"Node.js": node, "Fastify": wanted["fastify"], "pg": wanted["pg"]}
    return Build(["node", str(folder / "server.mjs")], versions)


def find_missing_commands() -> list[str]:
    """Return what is not installed of Node.js."""
    return [name for name in ("node", "npm") if not shutil.which(name)]


def install_packages(folder: Path) -> None:
    """Install exactly what the lock file in a folder names."""
    run_build("npm", "ci", "--no-audit", "--no-fund", cwd=folder)


def run_build(*command: str | Path, cwd: Path, **variables: str) -> None:
    """Run a command that builds a program. Raises MissingError with the end of what it printed."""
    code, output = shell.attempt(*command, cwd=cwd, **variables)
    if code:
        raise MissingError(f"`{' '.join(map(str, command[:2]))}` failed:\n{output[-2000:]}")


def make_once(name: str, version: str, make: Callable[[Path], None]) -> Path:
    """Return a folder with the sources of a program and what `make` made of them, once for each change."""
    sources = PROGRAMS / name
    digest = sha256(version.encode())
    for path in sorted(sources.rglob("*")):
        if path.is_file():
            digest.update(path.read_bytes())

    def copy_and_make(folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)  # what an interrupted build left
        shutil.copytree(sources, folder)
        make(folder)

    return sharing.make_once(find_cache() / f"{name}-{digest.hexdigest()[:16]}", copy_and_make)


def find_cache() -> Path:
    """Return the folder of this user for what can be made again."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "copier-async-service"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
