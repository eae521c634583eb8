"""What a Dockerfile does, done in a plain folder: no engine is needed, and no image is pulled."""

import os
import re
import shutil
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from tests.harness import shell

VARIABLE = re.compile(r"\$\{?(\w+)\}?")


@dataclass
class Build:
    """The stages of a Dockerfile with `root` in place of the root of the file system."""

    context: Path
    root: Path
    file: str = "deploy/Dockerfile"
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path = Path()
    command: str = ""
    health: str = ""
    user: str = ""

    def run(self) -> "Build":
        """Run every instruction that is about files, variables and commands."""
        text = (self.context / self.file).read_text().replace("\\\n", " ")
        for line in text.splitlines():
            name, _, rest = line.partition(" ")
            match name:
                case "FROM":
                    self.environment, self.folder, self.user = {}, self.root, ""
                case "ENV" | "ARG":
                    self.set(rest)
                case "WORKDIR":
                    self.folder = self.place(rest)
                    self.folder.mkdir(parents=True, exist_ok=True)
                case "COPY":
                    self.copy(*rest.split())
                case "RUN" if not rest.startswith("useradd "):
                    environment = self.environment | {"PATH": os.environ["PATH"]}
                    shell.run("sh", "-c", rest, cwd=self.folder, **environment)
                case "USER":
                    self.user = rest
                case "CMD":
                    self.command = rest
                case "HEALTHCHECK":
                    self.health = rest.partition("CMD ")[2]
        return self

    def set(self, assignments: str) -> None:
        known = {"PATH": os.environ["PATH"]} | self.environment
        for name, _, value in (pair.partition("=") for pair in assignments.split()):
            filled = VARIABLE.sub(lambda found: known.get(found[1], ""), value)
            self.environment[name] = filled.replace("/opt/", f"{self.root}/opt/")

    def place(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def copy(self, *arguments: str) -> None:
        """Copy what the context offers. What comes from a stage stays where it is; what comes from an image is here."""
        if arguments[0].startswith("--from="):
            return
        *sources, target = arguments
        for source in sources:
            for path in self.list_offered(source):
                inner = path.relative_to(source) if (self.context / source).is_dir() else Path(source).name
                made = self.folder / target / inner
                made.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.context / path, made)

    def list_offered(self, source: str) -> list[Path]:
        """Return the files of a source that the ignore file lets through: the last pattern that matches decides."""
        lines = (self.context / f"{self.file}.dockerignore").read_text().splitlines()
        patterns = [line for line in lines if line and not line.startswith("#")]
        place = self.context / source
        assert place.exists(), source
        files = [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
        return [path for path in (it.relative_to(self.context) for it in files) if is_offered(path, patterns)]


def is_offered(path: Path, patterns: list[str]) -> bool:
    """Tell whether a file reaches the builder. A pattern matches a file by any folder above it."""
    offered = True
    for pattern in patterns:
        wanted = pattern.removeprefix("!").removeprefix("**/")
        candidates = [path, *path.parents[:-1]]
        names = [it.name if pattern.startswith("**/") else str(it) for it in candidates]
        if any(fnmatchcase(name, wanted) for name in names):
            offered = pattern.startswith("!")
    return offered
