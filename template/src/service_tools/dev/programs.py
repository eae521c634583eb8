# kit: updated by the template; extend it from app.py
"""Run other programs, such as git, uv and copier."""

import os
import re
import signal
import subprocess
from collections.abc import Container

TIMEOUT = 120.0
"""Seconds that a program may take: it may wait for the network."""


class ProgramError(Exception):
    """A program could not be run, or did not end in time."""


class ExitError(ProgramError):
    """A program failed. The message is what it printed."""


def run_program(*command: str, stdin: str = "", accepted: Container[int] = (0,)) -> str:
    """Return what a program prints. It cannot ask for a password.

    Raises `ProgramError`, or `ExitError` for an exit code that is not in `accepted`.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - ours
            command,
            env=os.environ | {"GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except FileNotFoundError:
        raise ProgramError(f"{command[0]} is not installed.") from None
    with process:
        try:
            output, errors = process.communicate(stdin, TIMEOUT)
        except subprocess.TimeoutExpired:
            raise ProgramError(f"{command[0]} took longer than {TIMEOUT:g} s.") from None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)  # also what it started
    if process.wait() not in accepted:
        reasons = re.findall(r"(?:fatal|[Ee]rror): (.*)", errors) or errors.splitlines()
        raise ExitError(f"{command[0]}: {reasons[-1] if reasons else 'it failed'}")
    return output


def list_files(*options: str) -> list[str]:
    """Return the files that `git ls-files` lists in this folder."""
    return run_program("git", "ls-files", "-z", *options).split("\0")[:-1]


def list_files_with(pattern: str, option: str) -> list[str]:
    """Return the files with a line that matches. `option` says where `git grep` looks."""
    command = ("git", "grep", option, "-I", "-z", "--name-only", "-E", pattern)
    return run_program(*command, accepted=(0, 1)).split("\0")[:-1]
