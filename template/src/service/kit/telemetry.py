# kit: updated by the template; extend it from app.py
"""Logs: one JSON object a line in production, readable lines in development, the request id in each.

And where Prometheus finds the metrics.
"""

import logging
from typing import Annotated, Literal

import structlog
from pydantic import BaseModel, Field


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
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    machine = [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
    last = machine if options.format == "json" else [structlog.dev.ConsoleRenderer()]
    level = logging.getLevelNamesMapping()[options.level.upper()]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    of_library = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=of_library))
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)
