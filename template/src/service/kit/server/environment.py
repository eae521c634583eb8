# kit: updated by the template; extend it from app.py
"""Settings from the environment: typed, frozen, and checked as a whole before anything starts."""

import os
from collections.abc import Iterator
from typing import Any, Self

from pydantic import BaseModel, ValidationError, create_model, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.kit.db import DatabaseOptions, choose_pool_size
from service.kit.edge import CommandError, CompressionOptions, EdgeOptions
from service.kit.migrate import MigrationOptions
from service.kit.offload import OffloadOptions, share_cores
from service.kit.rows import ExportOptions
from service.kit.server.logs import LogOptions, MetricsOptions
from service.kit.server.serve import ServerOptions
from service.kit.server.watchdog import WatchdogOptions
from service.kit.web import IdempotencyOptions

SIZES = {
    ("database", "pool_size"): choose_pool_size,
    ("offload", "processes"): share_cores,
    ("offload", "hashes"): share_cores,
}
"""What each worker has so many of, by the number of workers, when no setting says so."""


class Environment(BaseSettings):
    """The kit's settings: the option `pool_size` of the group `database` is the variable DATABASE_POOL_SIZE."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_nested_delimiter="_", env_nested_max_split=1, hide_input_in_errors=True
    )

    database: DatabaseOptions
    migrations: MigrationOptions = MigrationOptions()
    server: ServerOptions = ServerOptions()
    edge: EdgeOptions = EdgeOptions()
    idempotency: IdempotencyOptions = IdempotencyOptions()
    compression: CompressionOptions = CompressionOptions()
    export: ExportOptions = ExportOptions()
    offload: OffloadOptions = OffloadOptions()
    log: LogOptions = LogOptions()
    watchdog: WatchdogOptions = WatchdogOptions()
    metrics: MetricsOptions = MetricsOptions()

    @model_validator(mode="after")
    def nest_deadlines(self) -> Self:
        """Let every wait end before the one around it, so that the error names the true cause."""
        waits = {
            "DATABASE_COMMAND_TIMEOUT": self.database.command_timeout,
            "EDGE_REQUEST_TIMEOUT": self.edge.request_timeout,
            "SERVER_DRAIN_TIMEOUT": self.server.drain_timeout,
        }
        if list(waits.values()) != sorted(set(waits.values())):
            chain = " < ".join(f"{name} ({seconds:g})" for name, seconds in waits.items())
            raise ValueError(f"each deadline must be shorter than the next: {chain}")
        return self

    @model_validator(mode="after")
    def choose_sizes(self) -> Self:
        """Fill in the sizes that depend on the cores and on the number of workers."""
        for (group, option), choose in SIZES.items():
            given = getattr(self, group)
            if getattr(given, option) is None:
                self.__dict__[group] = given.model_copy(update={option: choose(self.server.workers)})
        return self

    def count_beside(self) -> int:
        """Return how many connections processes beside the server open: groups of settings say so of theirs."""
        groups = (getattr(self, name) for name in type(self).model_fields)
        return sum(getattr(group, "connections_beside", 0) for group in groups)


class SettingsError(CommandError):
    """The environment does not describe a service that can start. The message names every problem."""


def read[S: Environment](settings: type[S]) -> S:
    """Return the settings, or raise `SettingsError`."""
    if strays := sorted({name.upper() for name in settings.model_fields} & os.environ.keys()):
        raise SettingsError(f"unset {', '.join(strays)}: settings are named {strays[0]}_SOMETHING")
    try:
        return settings()
    except ValidationError as error:
        problems = {problem for detail in error.errors() for problem in _explain(settings, detail)}
        raise SettingsError("\n".join(["settings are missing or wrong:", *sorted(problems)])) from None


def narrow(settings: type[Environment]) -> type[Environment]:
    """Return settings without the groups that are the service's own, for commands that must not need its secrets."""
    fields = settings.model_fields.items()
    kept: Any = {name: (field.annotation, field) for name, field in fields if name in Environment.model_fields}
    return create_model(settings.__name__, __base__=Environment, **kept)


def variables(settings: type[Environment]) -> Iterator[tuple[str, object, str]]:
    """Yield the name, the default (`...` when there is none) and the description of every variable."""
    for group, field in settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            for option, detail in field.annotation.model_fields.items():
                default = ... if detail.is_required() else detail.default
                if choose := SIZES.get((group, option)):
                    default = choose(ServerOptions().workers)
                yield f"{group}_{option}".upper(), default, detail.description or ""


def _explain(settings: type[Environment], detail: ErrorDetails) -> Iterator[str]:
    location = "_".join(str(part) for part in detail["loc"]).upper()
    if detail["type"] == "missing":
        for name, default, description in variables(settings):
            if default is ... and name.startswith(location):
                yield f"  {name}: it is required ({description})"
    else:
        yield f"  {location or 'deadlines'}: {detail['msg'].removeprefix('Value error, ')}"
