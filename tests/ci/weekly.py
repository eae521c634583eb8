"""The weekly job of a service on a machine of CI, and the repository of its host."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.ci import scripts
from tests.harness import service, shell
from tests.harness.snapshot import OLDER

BRANCH = "update-2026-48"
SERVER = "https://git.example.org"

STAND_IN = """#!/bin/sh
echo "$@" >> "$GH_LOG"
[ "$2" != setup-git ] || git config --global credential.helper '!f() { echo username=x; echo "password=$GH_TOKEN"; }; f'
[ "$2" != view ] || [ -e "$GH_LOG.merged" ]
"""
"""A `gh` that finds no open pull request, and notes what it is asked for.

Like the real one, `pr view` finds a merged request as well, and git asks it for the token once it was told to.
"""

COLLEAGUE = """#!/bin/sh -e
unset $(git rev-parse --local-env-vars)
cd "{desk}"
git fetch --quiet origin
git switch --quiet {branch} 2>/dev/null || git switch --quiet --create {branch}
git commit --quiet --allow-empty --message "Resolve the conflicts"
git push --quiet origin {branch}
"""
"""A colleague at their own desk, who pushes work to the branch of the week."""

CLOCK = "#!/bin/sh\necho 2026-48\n"
"""A `date` whose week does not end while a test runs."""


class Outdated(NamedTuple):
    """A service of an older version."""

    folder: Path
    """Its clone on the machine of CI."""
    script: str
    """What updates it."""
    host: Path
    """Its bare repository on the host."""

    @property
    def log(self) -> Path:
        return self.folder.parent / "gh.log"

    def update(self, succeeds: bool = True, **variables: str) -> str:
        """Run the script, which has to succeed or to fail, and return its output."""
        path = os.pathsep.join([str(self.folder.parent / "bin"), os.environ["PATH"]])
        server = {"GITHUB_SERVER_URL": SERVER, "CI_SERVER_URL": SERVER, "CI_SERVER_HOST": SERVER.split("/")[-1]}
        known = {"GH_TOKEN": "x", "GH_LOG": str(self.log), "REMOTE": str(self.host), "CI_DEFAULT_BRANCH": "main"}
        code, output = scripts.type_script(self.script, self.folder, **{**known, **server, "PATH": path, **variables})
        assert (code == 0) == succeeds, output
        return output

    def read_branch(self) -> list[str]:
        """Return the messages of the commits that the host has on the branch of the week, newest first."""
        if not shell.run("git", "branch", "--list", BRANCH, cwd=self.host):
            return []
        log = shell.run("git", "log", "-z", "--format=%B", f"HEAD..{BRANCH}", cwd=self.host)
        return [message.strip() for message in log.split("\0") if message]

    def read_asked(self) -> str:
        """Return what `gh` was asked for, after it was asked to let git log in."""
        asked = self.log.read_text() if self.log.exists() else ""
        return asked.replace("auth setup-git\n", "")


def make(render: Callable[..., Path], answer: str, folder: Path) -> Outdated:
    """Make one in a folder: the team's service, the host, and the clone of the host's CI."""
    host, clone = folder / "host.git", folder / "clone"
    team = service.adopt(render(OLDER, ci=answer), folder / "team")
    shell.run("git", "clone", "--quiet", "--bare", team, host, cwd=folder)
    shell.run("git", "config", "receive.advertisePushOptions", "true", cwd=host)
    shell.run("git", "clone", "--quiet", host, clone, cwd=folder)
    write_program(folder / "bin/gh", STAND_IN)
    write_program(folder / "bin/date", CLOCK)
    file = {"github": ".github/workflows/update.yml", "gitlab": ".gitlab-ci.yml"}[answer]
    script = next(filter(scripts.is_update, scripts.list_commands(render(ci=answer) / file)))
    return Outdated(clone, script, host)


def write_program(path: Path, text: str) -> None:
    """Write a program that can be run."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
