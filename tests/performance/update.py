"""What an update of a service costs, and what of that is copier's: `uv run python -m tests.performance.update`.

In turn, three services are updated to a version in which two files are different: the default one, one of a template
that has the same files but fills in none of them, and one of a template that has nothing but the record of answers.
What counts is the time of the processors, of copier and of the git that it starts, which other work does not lengthen.
"""

import argparse
import resource
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.harness import service, shell, snapshot

FIRST, SECOND = "v1.0.0", "v2.0.0"
CHANGED = ("ruff.toml", "src/service/kit/db/pool.py")
CONFIG = "_subdirectory: template\nname:\n  type: str\n  default: it\n"
RECORD = "{{ _copier_answers|to_nice_yaml }}"
COPIER = (sys.executable, "-m", "copier")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    costs = measure(parser.parse_args().rounds)
    for name, seconds in costs.items():
        print(f"{name:8} {statistics.median(seconds):.2f} s, from {min(seconds):.2f} to {max(seconds):.2f}")
    for other in ("copied", "empty"):
        print(f"service / {other}: {compare(costs, other):.2f}")


def compare(costs: dict[str, list[float]], other: str) -> float:
    """Return how many times an update of another template the service's costs: the median of the rounds."""
    return statistics.median(ours / theirs for ours, theirs in zip(costs["service"], costs[other], strict=True))


def measure(rounds: int) -> dict[str, list[float]]:
    """Return the seconds of processors that each update took, by template."""
    with tempfile.TemporaryDirectory(prefix="measure-update-") as name:
        folder = Path(name)
        (folder / "settings.yml").write_text("{}")
        services: dict[str, Path] = {"service": begin(folder, "service", snapshot.fill)}
        files = folder / "service/project"
        services["copied"] = begin(folder, "copied", lambda template: write(template, files))
        services["empty"] = begin(folder, "empty", write)
        costs: dict[str, list[float]] = {kind: [] for kind in services}
        for _ in range(rounds):
            for kind, project in services.items():
                costs[kind].append(update(project, folder))
        return costs


def begin(folder: Path, kind: str, make: Callable[[Path], None]) -> Path:
    """Make a template with two versions, and a project of the first; return the project."""
    template, project = folder / kind / "template", folder / kind / "project"
    template.mkdir(parents=True)
    shell.run("git", "init", "--quiet", cwd=template)
    make(template)
    snapshot.commit(template, FIRST)
    for path in [template / "template" / name for name in CHANGED]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((path.read_text() if path.exists() else "") + "# new\n")
    snapshot.commit(template, SECOND)
    run("copy", "--vcs-ref", FIRST, template, project, cwd=folder, folder=folder)
    shell.run("git", "init", "--quiet", cwd=project)
    service.save(project)
    return project


def write(template: Path, files: Path | None = None) -> None:
    """Write a template without questions of weight, with the files of a project, if there is one, as they are."""
    (template / "template").mkdir()
    if files:
        leave = shutil.ignore_patterns(".git", ".copier-answers.yml")
        shutil.copytree(files, template / "template", ignore=leave, dirs_exist_ok=True)
    (template / "copier.yml").write_text(CONFIG)
    (template / "template/{{_copier_conf.answers_file}}.jinja").write_text(RECORD)


def update(project: Path, folder: Path) -> float:
    """Update a project, take that back, and return the seconds of processors that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run("update", "--vcs-ref", SECOND, cwd=project, folder=folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "# new\n" in (project / CHANGED[1]).read_text()
    shell.run("git", "reset", "--quiet", "--hard", cwd=project)
    shell.run("git", "clean", "--quiet", "--force", "-d", cwd=project)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run(command: str, *arguments: str | Path, cwd: Path, folder: Path) -> None:
    """Run copier without the settings of whoever runs this."""
    own = {"COPIER_SETTINGS_PATH": str(folder / "settings.yml"), "COPIER_CACHE_DIR": str(folder / "cache")}
    shell.run(*COPIER, command, "--quiet", "--defaults", *arguments, cwd=cwd, **own)


if __name__ == "__main__":
    main()
