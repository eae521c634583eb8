"""Bring what was edited in a rendered service back into `template/`: `uv run python -m tests.port ../scratch`.

It renders the same answers again from the same commit, and merges what is different in the service into the files that
it came from. An edit on a line that Jinja fills in, or next to one, is a conflict, which is marked in the file.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import copier
import yaml

from tests.harness import shell, snapshot

ANSWERS = ".copier-answers.yml"
MARK = "<<<<<<<"


class PortError(Exception):
    """Nothing can be ported. The message says why, and what to do."""


def port(service: Path, root: Path = snapshot.ROOT) -> Iterator[tuple[str, list[int]]]:
    """Change the template's files, and yield the path of each, with the lines where conflicts begin."""
    with tempfile.TemporaryDirectory(prefix="port-") as name:
        base = render_again(service, root, Path(name))
        before, after = list_files(base, Path(name, "b")), list_files(service, Path(name, "a"))
        for path in sorted((before | find_new(after, before)) - {ANSWERS}):
            file = find_source(root / "template" / path)
            if path not in after:
                file.unlink(missing_ok=True)
            elif path not in before:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes((service / path).read_bytes())
            elif (service / path).read_bytes() != (base / path).read_bytes():
                merge(file, base / path, service / path)
            else:
                continue
            lines = file.read_text().splitlines() if file.exists() else []
            yield str(file.relative_to(root)), [n for n, line in enumerate(lines, 1) if line.startswith(MARK)]


def render_again(service: Path, root: Path, folder: Path) -> Path:
    """Render a service as it was before it was edited. Raises `PortError`."""
    try:
        answers = yaml.safe_load((service / ANSWERS).read_text())
    except FileNotFoundError:
        raise PortError(f"{service} has no {ANSWERS}: name the folder of a service that was rendered.") from None
    commit = answers["_commit"]
    if shell.attempt("git", "cat-file", "-e", f"{commit}^{{commit}}", cwd=root)[0]:
        print(f"{commit} is no commit here: taking the service as rendered from the files as they are now.")
        commit = "HEAD"
    given = {name: answer for name, answer in answers.items() if not name.startswith("_")}
    base = folder / "base"
    copier.run_copy(str(root), base, given, vcs_ref=commit, defaults=True, quiet=True)
    made = yaml.safe_load((base / ANSWERS).read_text())
    for path in filter(Path.is_file, base.rglob("*")):  # README.md says which template and version it is from
        content = path.read_bytes()
        for name in ("_commit", "_src_path"):
            content = content.replace(str(made[name]).encode(), str(answers[name]).encode())
        path.write_bytes(content)
    return base


def list_files(folder: Path, repository: Path) -> set[str]:
    """Return the files of a folder that git would take, whether it is a repository or not."""
    shell.run("git", "init", "--quiet", "--bare", repository, cwd=folder)
    git = ("git", f"--git-dir={repository}", f"--work-tree={folder}")
    listed = shell.run(*git, "ls-files", "-z", "--others", "--exclude-standard", cwd=folder)
    return set(listed.rstrip("\0").split("\0"))


def find_new(after: set[str], before: set[str]) -> set[str]:
    """Return the new files, but for those at the top and in folders there, like uv.lock, which no template has."""
    tops = {path.partition("/")[0] for path in before if "/" in path}
    return {path for path in after - before if "/" in path and path.partition("/")[0] in tops}


def find_source(path: Path) -> Path:
    """Return the file that a path is rendered from."""
    filled = path.with_name(f"{path.name}.jinja")
    return filled if filled.exists() else path


def merge(file: Path, base: Path, edited: Path) -> None:
    """Merge into a file what makes `edited` out of `base`. Conflicts stay in it, between their marks."""
    labels = [part for label in ("template", "render", "service") for part in ("-L", label)]
    code, output = shell.attempt("git", "merge-file", "--quiet", *labels, file, base, edited, cwd=file.parent)
    if code > 127:  # below, it is the number of conflicts
        raise PortError(f"{file}: {output.strip()}")


def main() -> int:
    """Port, and print what was changed; 1 if there are conflicts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("service", type=Path, help="the folder of the service")
    try:
        ported = list(port(parser.parse_args().service.resolve()))
    except PortError as error:
        print(error, file=sys.stderr)
        return 2
    for path, lines in ported:
        print("\n".join([f"{path}:{line}: a conflict: edit it by hand" for line in lines] or [path]))
    print("Review it: git diff" if ported else "Nothing was edited there.")
    return int(any(lines for _, lines in ported))
