# kit: updated by the template; extend it from app.py
"""Logs: one JSON object a line in production, readable lines in development, the request id in each."""

import json
import logging
import sys
from typing import Annotated, Literal

import msgspec
import structlog
from pydantic import BaseModel, Field
from structlog.typing import EventDict, WrappedLogger

from service.kit.exchange import request_id


class LogOptions(BaseModel, frozen=True):
    """LOG_*: how much is logged, and in which form."""

    level: Annotated[Literal["debug", "info", "warning", "error"], Field(description="the least severe line shown")] = (
        "info"
    )
    format: Annotated[Literal["json", "console"], Field(description="json for machines, console for people")] = "json"


def configure(options: LogOptions) -> None:
    """Set up logging for this process. Logs of libraries take the same form, from WARNING on."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        add_request_id,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    machine = [structlog.processors.dict_tracebacks, encode]
    last = (
        machine if options.format == "json" else [condense, structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())]
    )
    level = logging.getLevelNamesMapping()[options.level.upper()]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    formatter = structlog.stdlib.ProcessorFormatter
    processors = [formatter.remove_processors_meta, *last]
    handler.setFormatter(formatter(foreign_pre_chain=shared, processors=processors))
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)


def add_request_id(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """Add the id of the request that is being answered, if there is one."""
    if identity := request_id.get():
        line["request_id"] = identity
    return line


def encode(_: WrappedLogger, __: str, line: EventDict) -> str:
    """Return a line as JSON. msgspec takes a third of the standard library's time, but no half of a surrogate pair."""
    try:
        return msgspec.json.encode(line, enc_hook=repr).decode()
    except UnicodeEncodeError:
        return json.dumps(line, default=repr)


def condense(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """Return the line of a request as people like to read it: what was asked, the answer, and the time it took."""
    if "total_ms" not in line:
        return line
    shown = f"{line['method']} {line['path']} {line['status']} in {line['total_ms']:.1f} ms"
    kept = ("timestamp", "level", "detail", "cause")
    return {"event": shown, **{name: line[name] for name in kept if line.get(name)}}
