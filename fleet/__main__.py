"""The command line of `python3 run.py fleet`."""

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import date
from pathlib import Path

import msgspec
from service_tools.dev.programs import ProgramError

from fleet.releases import Release, find_releases
from fleet.services import Service, hide_credentials, read_service
from fleet.table import format_table

ABOUT = "Show which release of the template services are on, how far behind, and what they need."

MORE = """REPO is a folder, or an address that `git clone` takes: https://host/team/service.git. Git must be
able to read it without asking for a password. Folders are only read, and nothing of a service is
installed or run. "Behind" counts the releases that this clone of the template knows: bring it up to
date with `git pull --tags`. Exits with 1 if a repository cannot be read. See docs/fleet.md."""


class Fleet(msgspec.Struct, frozen=True):
    """What `--json` prints. Within a major release, fields are only added."""

    latest: str | None
    released: date | None
    services: list[Service]


def main(arguments: list[str] | None = None) -> int:
    """Read the services that the arguments name, print them, and return the exit code."""
    parser = argparse.ArgumentParser("run.py fleet", description=ABOUT, epilog=MORE)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("repositories", metavar="REPO", nargs="*", help="a folder or an address of git")
    parser.add_argument("--from", dest="file", type=Path, metavar="FILE", help="a file with a REPO on each line")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    parser.add_argument("--jobs", type=int, default=4, metavar="N", help="how many to read at once (default: 4)")
    options = parser.parse_args(arguments)
    repositories = [*options.repositories]
    if options.file:
        try:
            repositories += list_repositories(options.file.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            parser.error(f"--from {options.file} cannot be read: {error}")
    if not repositories or options.jobs < 1:
        parser.error("name at least one REPO, or a file with some: --from FILE; and --jobs is at least 1")

    # Whoever is not allowed to read a repository is not asked for a password.
    os.environ.setdefault("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=20")
    try:
        releases = find_releases()
    except ProgramError as error:
        print(f"The releases of the template cannot be listed: {error}", file=sys.stderr)
        return 1
    services = read_services(list(dict.fromkeys(repositories)), releases, options.jobs)
    newest = max(releases.values(), key=lambda it: it.number, default=None)
    if options.json:
        latest = (newest.version, newest.day) if newest else (None, None)
        fleet = Fleet(*latest, services)
        print(msgspec.json.format(msgspec.json.encode(fleet), indent=2).decode())
    else:
        print(format_table(services, newest))
    return int(any(service.error for service in services))


def list_repositories(text: str) -> list[str]:
    """Return the lines of a file, without comments and empty ones."""
    lines = [line.partition(" #")[0].strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def read_services(repositories: list[str], releases: dict[str, Release], jobs: int) -> list[Service]:
    """Read services, some at once, and say on standard error how far it is.

    Each is read in a process of its own, because a process has one current folder.
    """
    print(f"Reading {len(repositories)} repositories …", file=sys.stderr, flush=True)
    with ProcessPoolExecutor(min(jobs, len(repositories))) as pool:
        futures = {pool.submit(read_service, repository, releases): repository for repository in repositories}
        for count, future in enumerate(as_completed(futures), 1):
            print(f"[{count}/{len(futures)}] {hide_credentials(futures[future])}", file=sys.stderr, flush=True)
        return [future.result() for future in futures]


if __name__ == "__main__":
    sys.exit(main())
