"""What a command in the middle of a sentence names is there: nobody runs those, as they do the blocks."""

import re
from importlib.util import find_spec
from itertools import pairwise

from tests.harness.snapshot import ROOT

COMMAND = re.compile(r"`((?:uv run (?:python|pytest)|python3 run\.py) [^`\n]+)`")


def find_missing(command):
    """Return the modules, the files and the command of run.py that a command names and that are not there."""
    words = command.split()
    if words[0] == "python3":
        known = re.findall(r"^  python3 run\.py (\w+)", (ROOT / "run.py").read_text(), re.MULTILINE)
        return [word for word in words[2:3] if word not in known]
    modules = [word for before, word in pairwise(words) if before == "-m" and words[2] == "python"]
    files = [word for word in words if word.endswith(".py")]
    places = (ROOT, ROOT / "template")
    missing = [file for file in files if not any((place / file).exists() for place in places)]
    return [*missing, *(module for module in modules if not is_there(module))]


def is_there(module):
    """Return whether the template, or a service, has a module."""
    return (ROOT / "template/src" / f"{module.replace('.', '/')}.py").exists() or find_spec(module)


def test_what_a_command_in_a_sentence_names_is_there():
    paths = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *(ROOT / "template").rglob("*.md*")]
    named = [(path, command) for path in paths for command in COMMAND.findall(path.read_text())]
    assert len(named) > 20
    missing = [f"{path}: `{command}` names {it}" for path, command in named for it in find_missing(command)]
    assert not missing
