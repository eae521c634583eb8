#!/usr/bin/env python3
"""Try the template, test it, or look after services and releases. Needs git and Python with pip; uv comes by itself.

  python3 run.py try     render a service with the default answers into ../my-service, and start it
                         for development, on a PostgreSQL of its own; Ctrl-C stops all of it
      --into FOLDER      render into another folder; a service that is there already is only started
      --port, --seed …   anything else goes to `service dev`: try --port 9000 --seed 200000

  python3 run.py fleet   show which release services are on, how far behind, and what they need
      REPO …             folders or addresses of git; --from FILE, --json and --jobs: see fleet --help

  python3 run.py test    test the template: it renders services, runs their suites, updates old ones
      -k update -x …     anything else goes to pytest

  python3 run.py tags    tag each release of the history that has no tag, for a fork or a mirror without tags

  python3 run.py address [URL]
                         write the address of this repository into README.md and the documents; without
                         URL, that of the remote `origin`

To make a service of your own, with your answers: see README.md.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

CLONE = Path(__file__).resolve().parent
BIN = Path.home() / ".local" / "bin"
NO_PIP = """uv is needed, and this Python has no pip to install it with. Install one of the two:
  uv     https://docs.astral.sh/uv/getting-started/installation/
  pip    on Debian and Ubuntu: apt install python3-pip"""

RELEASE = re.compile(r"v\d+\.\d+\.\d+$")
NO_RELEASE = """This is to try the template, and not to build on: `copier update` needs a release, and {commit} is none.
To make a service of the newest release:
  uvx copier copy {source} FOLDER"""


def main(arguments: "list[str]") -> int:
    """Run the command that the arguments name, and return its exit code."""
    commands = {
        "try": try_service,
        "fleet": show_fleet,
        "test": test_template,
        "tags": tag_releases,
        "address": write_address,
    }
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(__doc__.strip())
        return 0
    if arguments[0] not in commands:
        known = ", ".join(f"`{name}`" for name in commands)
        print(f"There is no command {arguments[0]!r}; there are {known}. See: python3 run.py --help")
        return 2
    try:
        return commands[arguments[0]](arguments[1:])
    except KeyboardInterrupt:
        return 130
    except subprocess.CalledProcessError as error:
        return error.returncode


def try_service(arguments: "list[str]") -> int:
    """Render the default service, unless it is there, and become its `service dev`."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--into", type=Path, default=CLONE.parent / "my-service")
    options, others = parser.parse_known_args(arguments)
    folder = options.into.resolve()
    if (folder / ".copier-answers.yml").is_file():
        print(f"{folder} is there already: starting it as it is.", flush=True)
    elif folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        print(f"{folder} is there already, and is no service of this template. Choose another folder with --into.")
        return 1
    else:
        render(folder)
    return become(["uv", "run", "service", "dev", *others], folder, prepare())


def show_fleet(arguments: "list[str]") -> int:
    """Become the fleet command, in this folder but with the packages of the template."""
    paths = {"PYTHONPATH": os.pathsep.join([str(CLONE), str(CLONE / "template/src")]), "PYTHONSAFEPATH": "1"}
    command = ["uv", "run", "--project", str(CLONE), "--no-default-groups", "--quiet", "python", "-m", "fleet"]
    return become([*command, *arguments], Path.cwd(), {**prepare(), **paths})


def test_template(arguments: "list[str]") -> int:
    """Become pytest."""
    return become(["uv", "run", "pytest", *arguments], CLONE, prepare())


def tag_releases(arguments: "list[str]") -> int:
    """Tag the releases of the history."""
    return become_module("tests.update.tags", arguments)


def write_address(arguments: "list[str]") -> int:
    """Write the address of this repository into its documents."""
    return become_module("tests.documents.address", arguments)


def become_module(name: str, arguments: "list[str]") -> int:
    """Become a module that needs nothing but a recent Python, which uv finds or downloads."""
    python = ["uv", "run", "--no-project", "--quiet", "--python", ">=3.12", "python"]
    return become([*python, "-m", name, *arguments], CLONE, prepare())


def render(folder: Path) -> None:
    """Render the working tree's last commit, with the default answers, and say if it can take no update."""
    environment = prepare()
    print(f"Rendering the default service into {folder} …", flush=True)
    copy = ["copier", "copy", "--quiet", "--defaults", "--vcs-ref", "HEAD", str(CLONE), str(folder)]
    subprocess.run(["uv", "run", "--no-default-groups", "--quiet", *copy], cwd=CLONE, env=environment, check=True)
    answers = (folder / ".copier-answers.yml").read_text(encoding="utf-8")
    commit = "".join(re.findall("^_commit: '?([^'\n]+)", answers, re.MULTILINE))
    if not RELEASE.match(commit):
        print(NO_RELEASE.format(commit=commit, source=find_origin()), flush=True)


def find_origin() -> str:
    """Return the address that this clone is of, or its own path."""
    command = ["git", "remote", "get-url", "origin"]
    found = subprocess.run(command, cwd=CLONE, stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
    return found or str(CLONE)


def prepare() -> "dict[str, str]":
    """Make sure of uv, and return an environment in which it is found and no other project's is active."""
    if not shutil.which("uv") and not (BIN / "uv").is_file():
        install_uv()
    outer = ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT")
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), str(BIN)])
    return {name: value for name, value in os.environ.items() if name not in outer} | {"PATH": path}


def install_uv() -> None:
    """Install uv for this user. With --prefix, pip also does it where the system manages its Python itself."""
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        sys.exit(NO_PIP)
    print("uv is missing: installing it …", flush=True)
    options = ["--quiet", "--ignore-installed", "--no-warn-script-location", "--prefix", str(BIN.parent)]
    # Without the first variable, Debian's pip would make ~/.local/local/bin.
    environment = {**os.environ, "DEB_PYTHON_INSTALL_LAYOUT": "deb", "PIP_ROOT_USER_ACTION": "ignore"}
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "uv"], env=environment, check=True)
    print(f"uv is now in {BIN}; put that folder on your PATH to use it yourself.", flush=True)


def become(command: "list[str]", folder: Path, environment: "dict[str, str]") -> int:
    """Replace this process by the command, so that Ctrl-C and the exit code are the command's."""
    os.chdir(folder)
    os.execvpe(command[0], command, environment)  # never returns


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
