# kit: updated by the template; extend it from app.py
"""The level of the log at run time: `service log-level` writes it, and each worker follows.

It is a file in the runtime folder rather than a signal or a row: a signal would end a worker that
is just starting, and the database may be what is being debugged. A worker that starts meanwhile
follows as well.
"""

import asyncio
import logging
import os
import time
from pathlib import Path
from typing import ClassVar

import structlog

from service.kit.server.runtime_folder import LEVEL_FILE, RUNTIME_FOLDER_VARIABLE

log = structlog.get_logger()

FOLLOW_SECONDS = 1.0
"""Seconds between two looks at the file."""


class LevelLogger(structlog.BoundLoggerBase):
    """A logger whose methods depend on the level of the process, also where it is cached.

    They are those of its base, which `set_level` replaces: what is not logged costs one call of a
    no-op.
    """

    usual: ClassVar[str] = "info"
    """The level of LOG_LEVEL."""


def set_level(level: str) -> None:
    """Set the level of all loggers of this process; that of libraries is at least warning."""
    number = logging.getLevelNamesMapping()[level.upper()]
    LevelLogger.__bases__ = (structlog.make_filtering_bound_logger(number),)
    logging.getLogger().setLevel(max(number, logging.WARNING))


def write_level(folder: Path, level: str, seconds: float) -> None:
    """Let the workers of this folder log at a level for some seconds."""
    written = folder / f"{LEVEL_FILE}-{os.getpid()}"
    written.write_text(f"{level} {time.time() + seconds}")
    written.replace(folder / LEVEL_FILE)


def read_level(folder: Path) -> str:
    """Return the level that was written, or "" if there is none, or its time is over."""
    try:
        level, ends_at = (folder / LEVEL_FILE).read_text().split()
        return level if time.time() < float(ends_at) else ""
    except (OSError, ValueError):
        return ""


async def follow_level() -> None:
    """Log at the level that was written, and otherwise at the usual one, until cancelled."""
    folder = os.environ.get(RUNTIME_FOLDER_VARIABLE)
    level = LevelLogger.usual
    while folder:
        wanted = read_level(Path(folder)) or LevelLogger.usual
        if wanted != level:
            set_level(wanted)
            log.warning("log level changed", before=level, now=wanted)
            level = wanted
        await asyncio.sleep(FOLLOW_SECONDS)
