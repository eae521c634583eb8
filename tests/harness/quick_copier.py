"""Copier without what it repeats for each file, which is more than half of what a render costs.

A render of 350 files compiles 3,400 texts with Jinja, most of them parts of paths that it has just compiled, and
starts git for each file. What copier decides and writes stays the same.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from copier._main import Worker
from jinja2.sandbox import SandboxedEnvironment


@contextmanager
def hasten() -> Generator[None]:
    """Compile each text once in this process, and do not ask git about each file."""
    compile_anew = SandboxedEnvironment.compile
    compiled: dict[tuple[object, str], Any] = {}

    def compile_once(self: SandboxedEnvironment, source: Any, *others: Any) -> Any:
        if others or not isinstance(source, str):
            return compile_anew(self, source, *others)
        # Environments with the same settings have the same lexer. Their extensions and filters are those of copier.
        key = (self.lexer, source)
        if key not in compiled:
            compiled[key] = compile_anew(self, source)
        return compiled[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SandboxedEnvironment, "compile", compile_once)
        # It matters where `core.fileMode` is false, which is not so by the tests' settings of git.
        patch.setattr(Worker, "_sync_git_index_executable_bit", lambda *_: None)
        yield
