#!/usr/bin/env python3
"""Try the template, or test it. Needs git and Python with pip; uv comes by itself.

  python3 run.py try     render a service with the default answers into ../my-service, and start it
                         for development, on a PostgreSQL of its own; Ctrl-C stops all of it
      --into FOLDER      render into another folder; a service that is there already is only started
      --port, --seed …   anything else goes to `service dev`: try --port 9000 --seed 200000

  python3 run.py test    test the template: it renders services, runs their suites, updates old ones
      -k update -x …     anything else goes to pytest

To make a service of your own, with your answers: see README.md.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

CLONE = Path(__file__).resolve().parent
BIN = Path.home() / ".local" / "bin"
NO_PIP = """uv is needed, and this Python has no pip to install it with. Install one of the two:
  uv     https://docs.astral.sh/uv/getting-started/installation/
  pip    on Debian and Ubuntu: apt install python3-pip"""


def main(arguments: "list[str]") -> int:
    """Run the command that the arguments name, and return its exit code."""
    commands = {"try": try_service, "test": test_template}
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(__doc__.strip())
        return 0
    if arguments[0] not in commands:
        print(f"There is no command {arguments[0]!r}; there are `try` and `test`. See: python3 run.py --help")
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


def test_template(arguments: "list[str]") -> int:
    """Become pytest."""
    return become(["uv", "run", "pytest", *arguments], CLONE, prepare())


def render(folder: Path) -> None:
    """Render the working tree's last commit, with the default answers."""
    environment = prepare()
    print(f"Rendering the default service into {folder} …", flush=True)
    copy = ["copier", "copy", "--quiet", "--defaults", "--vcs-ref", "HEAD", str(CLONE), str(folder)]
    subprocess.run(["uv", "run", "--no-default-groups", "--quiet", *copy], cwd=CLONE, env=environment, check=True)


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
