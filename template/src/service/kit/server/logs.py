# kit: updated by the template; extend it from app.py
"""Logs: one JSON object a line in production, readable lines in development, the request id in each.

And where Prometheus finds the metrics.
"""

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

from service.kit.edge import request_id
from service.kit.server.log_writer import Writer


class LogOptions(BaseModel, frozen=True):
    """LOG_*: how much is logged, and in which form."""

    level: Annotated[Literal["debug", "info", "warning", "error"], Field(description="the least severe line shown")] = (
        "info"
    )
    format: Annotated[Literal["json", "console"], Field(description="json for machines, console for people")] = "json"


class MetricsOptions(BaseModel, frozen=True):
    """METRICS_*: where Prometheus finds /metrics, which is not where the public finds the service."""

    host: Annotated[str, Field(description="the address of /metrics; 0.0.0.0 is all of them")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="the port of /metrics; 0 serves none")] = 9464


def configure(options: LogOptions) -> None:
    """Set up logging for this process. Logs of libraries take the same form, from WARNING on."""
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
    """Add the level, the time unless it has one, and the id of the request that is being answered, if there is one."""
    line["level"] = level
    if "timestamp" not in line:
        line["timestamp"] = datetime.now(UTC)
    if identity := request_id():
        line["request_id"] = identity
    return line


def encode(_: WrappedLogger, __: str, line: EventDict) -> str:
    """Return a line as JSON. msgspec takes a third of the standard library's time, but no half of a surrogate pair."""
    try:
        return msgspec.json.encode(line, enc_hook=repr).decode()
    except UnicodeEncodeError:
        return json.dumps(line, default=str)


def condense(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """Return the line of a request as people like to read it: what was asked, the answer, and the time it took."""
    if "total_ms" not in line:
        return line
    shown = f"{line['method']} {line['path']} {line['status']} in {line['total_ms']:.1f} ms"
    kept = ("timestamp", "level", "detail", "cause")
    return {"event": shown, **{name: line[name] for name in kept if line.get(name)}}
