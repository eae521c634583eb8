"""A stub of `kubectl` and of `docker`: it writes down how it is called, and what would be applied.

Manifests really go through kustomize. What a cluster would answer is in the variables STUB_*.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml


def main() -> None:
    """Answer one call, and add it to the file STUB_CALLS."""
    name, *arguments = Path(sys.argv[0]).name, *sys.argv[1:]
    options = dict(zip(arguments, [*arguments[1:], ""], strict=True))
    call: dict[str, Any] = {"call": [name, *arguments]}
    if "--kustomize" in options:
        call["objects"] = select(build(options["--kustomize"]), options["--selector"])
    for argument in arguments:
        if argument.startswith("--from-env-file="):
            call["secret"] = Path(argument.partition("=")[2]).read_text()
    with Path(os.environ["STUB_CALLS"]).open("a+") as file:
        file.write(json.dumps(call) + "\n")
        file.seek(0)
        asked = sum(json.loads(line)["call"] == call["call"] for line in file)
    print(answer(arguments, call.get("objects", []), asked))


def answer(arguments: list[str], objects: list[Any], asked: int) -> str:
    """Return what the command would print, as far as a script reads it."""
    if arguments[-2:] == ["service", "key"]:
        return "AUTH_SIGNING_KEY=secret\n# public half: public"
    if arguments[0] == "apply" and "--output" in arguments:
        (job,) = objects
        return f"{job['metadata']['namespace']} job/{job['metadata']['name']}"
    if "get" in arguments and "--output" in arguments:
        if asked == 1 and "STUB_UNREACHABLE" in os.environ:
            sys.exit("Unable to connect to the server")
        return os.environ["STUB_CONDITIONS"] if asked > 1 else ""
    return ""


def build(folder: str) -> list[Any]:
    """Return the objects of a kustomization."""
    done = subprocess.run(["kustomize", "build", folder], check=True, capture_output=True, text=True)
    return list(yaml.safe_load_all(done.stdout))


def select(objects: list[Any], selector: str) -> list[Any]:
    """Return the objects that a selector chooses, as `key=value`, `key in (…)` or `key notin (…)`."""
    if equal := re.fullmatch(r"(\S+)=(\S+)", selector):
        key, operator, values = equal[1], "in", equal[2]
    else:
        found = re.fullmatch(r"(\S+) (in|notin) \((.+)\)", selector)
        assert found, selector
        key, operator, values = found[1], found[2], found[3]
    chosen = values.split(", ")
    return [it for it in objects if (it["metadata"].get("labels", {}).get(key) in chosen) == (operator == "in")]


if __name__ == "__main__":
    main()
