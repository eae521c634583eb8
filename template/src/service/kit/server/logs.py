# kit: updated by the template; extend it from app.py
"""Logs: one JSON object a line in production, readable lines in development, the request id in each."""

import json
import logging
import sys
from datetime import UTC, datetime
from multiprocessing.util import Finalize
from typing import Annotated, Literal

import msgspec
import structlog
from pydantic import BaseModel, Field
from structlog.typing import EventDict, WrappedLogger

from service.kit.edge import Batch, context, request_id

PAUSE = 0.1
"""Seconds that a line may wait for others.

A write hands the GIL to the server's own thread, which costs more than the write itself: in batches, a request takes a
seventh less CPU.
"""

MOST_WAITING = 1000


class LogOptions(BaseModel, frozen=True):
    """LOG_*: how much is logged, and how."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="least severe level that is logged")
    ] = "info"
    format: Annotated[Literal["json", "console"], Field(description="json for machines, console for people")] = "json"


def configure_logs(options: LogOptions) -> None:
    """Set up logging for this process. Lines of libraries take the same form, from WARNING on."""
    shared: list[structlog.typing.Processor] = [structlog.contextvars.merge_contextvars, stamp]
    # Not structlog's own `dict_tracebacks`: it writes local variables, and secrets with them.
    trace = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
    if options.format == "json":
        last: list[structlog.typing.Processor] = [trace, encode]
    else:
        last = [condense, structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())]
    writer = Writer()
    level = logging.getLevelNamesMapping()[options.level.upper()]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=True,
    )
    Finalize(None, writer.flush, exitpriority=1)  # unlike atexit, it runs in worker processes as well
    handler = logging.StreamHandler()
    formatter = structlog.stdlib.ProcessorFormatter
    processors = [formatter.remove_processors_meta, *last]
    handler.setFormatter(formatter(foreign_pre_chain=shared, processors=processors))
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)


def stamp(_: WrappedLogger, level: str, line: EventDict) -> EventDict:
    """Add the level, the time unless the line has one, and the ids of the current request and trace, if there are."""
    line["level"] = level
    if "timestamp" not in line:
        line["timestamp"] = datetime.now(UTC)
    if identity := request_id():
        line["request_id"] = identity
    if context.tracing:
        line |= context.tracing.ids()
    return line


def encode(_: WrappedLogger, __: str, line: EventDict) -> str:
    """Return a line as JSON. msgspec takes a third of the time of `json`, but refuses lone surrogates."""
    try:
        return msgspec.json.encode(line, enc_hook=repr).decode()
    except UnicodeEncodeError:
        return json.dumps(line, default=str)


def condense(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """Shorten the line of a request for people: method, path, status and time."""
    if "total_ms" not in line:
        return line
    shown = f"{line['method']} {line['path']} {line['status']} in {line['total_ms']:.1f} ms"
    kept = ("timestamp", "level", "detail", "cause")
    return {"event": shown, **{name: line[name] for name in kept if line.get(name)}}


class Writer(Batch[str]):
    """Writes lines to the standard output: warnings and errors at once, with all before them, others in batches."""

    def __init__(self) -> None:
        super().__init__(print_lines, PAUSE, MOST_WAITING)

    def add_now(self, line: str) -> None:
        self.add(line)
        self.flush()

    debug = info = Batch.add
    warning = error = critical = add_now


def print_lines(lines: list[str]) -> None:
    sys.stdout.write("\n".join([*lines, ""]))
    sys.stdout.flush()
