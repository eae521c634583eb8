"""The first screen of README.md, done for real: on a machine without uv and without anything in the home folder."""

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.harness import shell
from tests.harness.snapshot import CURRENT, ROOT
from tests.harness.terminal import CTRL_C, type_in_terminal, wait_for

TRY = re.compile(r"Try it\s+(curl .+)")


@pytest.fixture(scope="module")
def clone(template, tmp_path_factory):
    folder = tmp_path_factory.mktemp("try") / "clone"
    shell.run("git", "clone", "--quiet", "--branch", CURRENT, template, folder, cwd=template)
    return folder


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A machine with git, curl and a Python that has pip, but without uv. Only uv's downloads are kept."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "home").mkdir()
    cache = shell.run("uv", "cache", "dir", cwd=folder).strip()
    shell.run("uv", "venv", "--quiet", "--seed", folder / "python", cwd=folder)
    for tool in ("git", "curl"):
        (folder / "python/bin" / tool).symlink_to(shutil.which(tool) or tool)
    others = [path for path in shell.environment()["PATH"].split(os.pathsep) if not Path(path, "uv").exists()]
    path = os.pathsep.join([str(folder / "python/bin"), *others])
    return shell.environment(HOME=str(folder / "home"), PATH=path, UV_CACHE_DIR=cache)


def processes(folder):
    """Return the command lines of the processes that work in a folder, by their ids."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(folder):
                found[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue  # ended meanwhile, or somebody else's
    return found


def test_the_first_screen_names_the_two_commands():
    start = (ROOT / "README.md").read_text().splitlines()[:40]
    commands = [line.partition("#")[0].strip() for line in start]
    assert "python3 run.py try" in commands
    assert "python3 run.py test" in commands


def test_the_test_command_runs_pytest(clone, bare):
    command = ["python3", "run.py", "test", "--collect-only", "-q", "tests/update/test_releases.py"]
    done = subprocess.run(command, cwd=clone, env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "update/test_releases.py::" in done.stdout


def test_try_starts_a_service_that_answers_and_ctrl_c_ends_all_of_it(clone, bare, port, workshop):
    folder, log = workshop / "my-service", workshop / "log"
    command = ["python3", "run.py", "try", "--port", str(port), "--into", str(folder), "--seed", "50"]
    try:
        with type_in_terminal(command, bare, clone, log) as (started, keyboard):
            found = wait_for(lambda: started.poll() is not None or TRY.search(log.read_text()), 240, log.read_text)
            assert isinstance(found, re.Match), log.read_text()
            answer = wait_for(lambda: ask(found[1], bare, clone), 30, log.read_text)
            assert json.loads(answer)["data"]
            assert any("postgres" in line for line in processes(folder).values())

            os.write(keyboard, CTRL_C)
            assert started.wait(timeout=20) == 0, log.read_text()
        assert processes(folder) == {}
        assert "Traceback" not in log.read_text()
    finally:
        for left in processes(folder):
            os.kill(left, signal.SIGKILL)


def ask(command, environment, cwd):
    """Return what a shell command prints, or nothing if it fails: the service may be about to listen."""
    done = subprocess.run(command, shell=True, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""
