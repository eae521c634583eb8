# kit: updated by the template; extend it from app.py
"""Other programs that the tools for development run, such as git, uv and copier."""

import os
import re
import signal
import subprocess
from collections.abc import Container

DEADLINE = 120.0
"""Seconds that a program may take: it may wait for the network."""


class ProgramError(Exception):
    """A program could not be run, or did not end in time."""


class ExitError(ProgramError):
    """A program failed. The message is its own."""


def run(*command: str, accepted: Container[int] = (0,)) -> str:
    """Return what a program prints. There is nobody to type a password.

    Raises `ProgramError`, and `ExitError` for an exit code that is not among those `accepted`.
    """
    pipe, env = subprocess.PIPE, os.environ | {"GIT_TERMINAL_PROMPT": "0"}
    try:
        process = subprocess.Popen(  # noqa: S603 - ours
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except FileNotFoundError:
        raise ProgramError(f"{command[0]} is not installed.") from None
    with process:
        try:
            output, errors = process.communicate(timeout=DEADLINE)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)  # and what it started
            if isinstance(error, subprocess.TimeoutExpired):
                raise ProgramError(f"{command[0]} took longer than {DEADLINE:g} s.") from None
            raise
    if process.returncode not in accepted:
        said = re.findall(r"(?:fatal|[Ee]rror): (.*)", errors) or errors.splitlines()
        raise ExitError(f"{command[0]}: {said[-1] if said else 'it failed'}")
    return output


def list_files(*options: str) -> list[str]:
    """Return the files that git lists in this folder with these options of `git ls-files`."""
    return run("git", "ls-files", "-z", *options).split("\0")[:-1]
