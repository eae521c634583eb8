# kit: updated by the template; extend it from app.py
"""Take the project as it was at another commit."""

import tarfile
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from service.kit.work.command_error import CommandError
from service_tools.dev import programs


@contextmanager
def check_out(ref: str) -> Generator[Path]:
    """Yield this project as it was at a commit, in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="service-checkout-") as folder:
        archive = Path(folder, "tree.tar")
        tree = Path(folder, "tree")
        try:
            programs.run_program("git", "archive", f"--output={archive}", "--end-of-options", ref)
        except programs.ProgramError as error:
            raise CommandError(f"{error} (in CI, fetch the whole history).") from None
        with tarfile.open(archive) as files:
            files.extractall(tree, filter="data")
        yield tree
