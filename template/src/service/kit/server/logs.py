# kit: updated by the template; extend it from app.py
"""Logs: one JSON object a line in production, readable lines in development, with request ids."""

import json
import logging
import sys
from datetime import UTC, datetime
from multiprocessing.util import Finalize
from typing import Annotated, Any, Literal

import msgspec
import structlog
from pydantic import BaseModel, Field
from structlog.typing import EventDict, Processor, WrappedLogger

from service.kit.server.log_level import LevelLogger, set_level
from service.kit.server.output import BUFFER_BYTES, unblock_output
from service.kit.work import tracing
from service.kit.work.batch import Batch
from service.kit.work.context import request_id

BATCH_SECONDS = 0.1
"""Seconds that a line may wait for more lines.

A write hands the GIL to granian's own thread, which costs more than the write itself: in batches, a
request takes a seventh less CPU.
"""

MAX_BATCH = 1000

MAX_TEXT = 10_000
"""Characters of one text in a line."""

MAX_LINE = 100_000
"""Characters of a line: a message of 50 MB could become a line of 150 MB."""


class LogOptions(BaseModel, frozen=True, use_attribute_docstrings=True):
    """LOG_*: how much is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """least severe level that is logged"""
    format: Literal["json", "console"] = "json"
    """json for machines, console for people"""
    buffer_bytes: Annotated[int, Field(ge=65_536)] = BUFFER_BYTES
    """bytes that wait for a slow reader of the log; more are dropped"""


def configure_logs(options: LogOptions) -> None:
    """Set up logging for this process. Libraries log in the same format, from WARNING up."""
    unblock_output(options.buffer_bytes)
    first: list[Processor] = [structlog.contextvars.merge_contextvars, add_context]
    last = make_renderers(options)
    writer = Writer()
    structlog.configure(
        processors=[*first, *last],
        wrapper_class=LevelLogger,
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=True,
    )
    Finalize(None, writer.flush, exitpriority=1)  # unlike atexit, it runs in workers as well

    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[remove_meta, *last], foreign_pre_chain=first
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], force=True)
    LevelLogger.usual = options.level
    set_level(options.level)


def make_renderers(options: LogOptions) -> list[Processor]:
    """Return the processors that turn a line's fields into text, for machines or for people."""
    if options.format == "console":
        # Not by rich, where that is installed: it writes local variables, and may take minutes.
        plain = structlog.dev.plain_traceback
        colors = sys.stdout.isatty()
        console = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)
        return [shorten_request, console, shorten_line]

    # Not structlog's own `dict_tracebacks`: it writes local variables, and secrets with them.
    transform = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    trace = structlog.processors.ExceptionRenderer(
        lambda exc_info: shorten_texts(transform(exc_info))
    )
    return [trace, render_json]


def add_context(_: WrappedLogger, level: str, line: EventDict) -> EventDict:
    """Add the level, the time unless it is set, and the ids of the current request and trace."""
    line["level"] = level
    if "timestamp" not in line:
        line["timestamp"] = datetime.now(UTC)
    identity = request_id()
    if identity:
        line["request_id"] = identity
    traces = tracing.active_traces.get()
    if traces:
        line |= traces.ids()
    return line


def render_json(_: WrappedLogger, __: str, line: EventDict) -> str:
    """Return a line as JSON. If it is too long, its fields are shortened."""
    encoded = encode_json(line)
    if len(encoded) <= MAX_LINE:
        return encoded
    return encode_json({name: shorten_field(value) for name, value in line.items()})


def encode_json(value: object) -> str:
    """Return a value as JSON.

    msgspec takes a third of the time of `json`, but refuses lone surrogates.
    """
    try:
        return msgspec.json.encode(value, enc_hook=repr).decode()
    except UnicodeEncodeError:
        return json.dumps(value, default=str)


def shorten_text(text: str, max_length: int = MAX_TEXT) -> str:
    """Return a text that any log and PostgreSQL can take, without its middle if it is too long.

    Neither takes a lone surrogate, and PostgreSQL takes no NUL: they are escaped as in Python.
    """
    if len(text) > max_length:
        half = max_length // 2
        left_out = len(text) - 2 * half
        text = f"{text[:half]} … {left_out:,} characters left out … {text[-half:]}"
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
    encoded = encode_json(shortened)
    return shortened if len(encoded) <= MAX_LINE else shorten_text(encoded)


def shorten_request(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """Shorten the line of a request for people: method, path, status and time."""
    if "total_ms" not in line:
        return line
    shown = f"{line['method']} {line['path']} {line['status']} in {line['total_ms']:.1f} ms"
    kept = ("timestamp", "level", "detail", "cause")
    return {"event": shown, **{name: line[name] for name in kept if line.get(name)}}


def shorten_line(_: WrappedLogger, __: str, line: Any) -> str:
    return shorten_text(line, MAX_LINE)


class Writer(Batch[str]):
    """Writes lines to standard output in batches; a warning or an error at once, with its batch."""

    def __init__(self) -> None:
        super().__init__(print_lines, BATCH_SECONDS, MAX_BATCH)

    def add_now(self, line: str) -> None:
        self.add(line)
        self.flush()

    debug = info = Batch.add
    warning = error = critical = add_now


def print_lines(lines: list[str]) -> None:
    sys.stdout.write("\n".join([*lines, ""]))
    sys.stdout.flush()
