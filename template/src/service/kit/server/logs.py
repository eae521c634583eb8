# kit: updated by the template; extend it from app.py
"""Logs: one JSON object a line in production, readable lines in development, the request id in
each.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from multiprocessing.util import Finalize
from typing import Annotated, Any, Literal

import msgspec
import structlog
from pydantic import BaseModel, Field
from structlog.typing import EventDict, WrappedLogger

from service.kit.server.output import BUFFER_BYTES, unblock_output
from service.kit.work import tracing
from service.kit.work.batch import Batch
from service.kit.work.context import request_id

PAUSE = 0.1
"""Seconds that a line may wait for others.

A write hands the GIL to the server's own thread, which costs more than the write itself: in
batches, a request takes a seventh less CPU.
"""

MOST_WAITING = 1000

MAX_TEXT, MAX_LINE = 10_000, 100_000
"""Characters of a text that is logged, and of a line: a message of 50 MB would be a line of 150."""


class LogOptions(BaseModel, frozen=True):
    """LOG_*: how much is logged, and how."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Field(description="least severe level that is logged"),
    ] = "info"
    format: Annotated[
        Literal["json", "console"], Field(description="json for machines, console for people")
    ] = "json"
    buffer_bytes: Annotated[
        int,
        Field(
            ge=65_536, description="bytes that wait for a late reader of the log; more are dropped"
        ),
    ] = BUFFER_BYTES


def configure_logs(options: LogOptions) -> None:
    """Set up logging for this process. Lines of libraries take the same form, from WARNING on."""
    unblock_output(options.buffer_bytes)
    shared: list[structlog.typing.Processor] = [structlog.contextvars.merge_contextvars, stamp]
    # Not structlog's own `dict_tracebacks`: it writes local variables, and secrets with them.
    transform = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    trace = structlog.processors.ExceptionRenderer(
        lambda exc_info: shorten_texts(transform(exc_info)),
    )
    if options.format == "json":
        last: list[structlog.typing.Processor] = [trace, encode]
    else:
        people = structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
        last = [condense, shorten_error, people, fit]
    writer = Writer()
    level = logging.getLevelNamesMapping()[options.level.upper()]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=True,
    )
    Finalize(
        None, writer.flush, exitpriority=1
    )  # unlike atexit, it runs in worker processes as well
    handler = logging.StreamHandler()
    formatter = structlog.stdlib.ProcessorFormatter
    processors = [formatter.remove_processors_meta, *last]
    handler.setFormatter(formatter(foreign_pre_chain=shared, processors=processors))
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)


def stamp(_: WrappedLogger, level: str, line: EventDict) -> EventDict:
    """Add the level, the time unless the line has one, and the ids of the current request and
    trace, if there are.
    """
    line["level"] = level
    if "timestamp" not in line:
        line["timestamp"] = datetime.now(UTC)
    if identity := request_id():
        line["request_id"] = identity
    if traces := tracing.active_traces.get():
        line |= traces.ids()
    return line


def encode(_: WrappedLogger, __: str, line: EventDict) -> str:
    """Return a line as JSON. What is too long in it is shortened."""
    encoded = dump(line)
    if len(encoded) <= MAX_LINE:
        return encoded
    return dump({name: shorten_field(value) for name, value in line.items()})


def dump(value: object) -> str:
    """Return a value as JSON. msgspec takes a third of the time of `json`, but refuses lone
    surrogates.
    """
    try:
        return msgspec.json.encode(value, enc_hook=repr).decode()
    except UnicodeEncodeError:
        return json.dumps(value, default=str)


def shorten_text(text: str, most: int = MAX_TEXT) -> str:
    """Return a text that any log and PostgreSQL can take, without its middle if it is too long.

    Neither takes half of a surrogate pair, and PostgreSQL no NUL: they are written as Python would.
    """
    if len(text) > most:
        left_out = f" … {len(text) - most // 2 * 2:,} characters left out … "
        text = text[: most // 2] + left_out + text[-(most // 2) :]
    return text.replace("\0", "\\x00").encode(errors="backslashreplace").decode()


def shorten_texts(value: Any) -> Any:
    """Return a value with each text in it shortened."""
    match value:
        case str():
            return shorten_text(value)
        case dict():
            return {name: shorten_texts(item) for name, item in value.items()}
        case list():
            return [shorten_texts(item) for item in value]
    return value


def shorten_field(value: object) -> object:
    """Return a field of a line that is too long: its texts shortened, or all of it as one text."""
    shortened = shorten_texts(value)
    if len(encoded := dump(shortened)) <= MAX_LINE:
        return shortened
    return shorten_text(encoded)


def shorten_error(logger: WrappedLogger, name: str, line: EventDict) -> EventDict:
    """Render an error that is long, or a group, without colors, which could take minutes."""
    plain = structlog.processors.format_exc_info(logger, name, {**line})
    text = plain.get("exception", "")
    if len(text) <= MAX_TEXT and "Exception Group Traceback" not in text:
        return line
    return {**plain, "exception": shorten_text(text, MAX_LINE)}


def fit(_: WrappedLogger, __: str, line: Any) -> str:
    """Shorten a line for people."""
    return shorten_text(line, MAX_LINE)


def condense(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """Shorten the line of a request for people: method, path, status and time."""
    if "total_ms" not in line:
        return line
    shown = f"{line['method']} {line['path']} {line['status']} in {line['total_ms']:.1f} ms"
    kept = ("timestamp", "level", "detail", "cause")
    return {"event": shown, **{name: line[name] for name in kept if line.get(name)}}


class Writer(Batch[str]):
    """Writes lines to the standard output: warnings and errors at once, with all before them,
    others in batches.
    """

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
