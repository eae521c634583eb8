# kit: updated by the template; extend it from app.py
"""Settings from environment variables: typed, frozen, and checked as a whole before anything
starts.

In development, the commands also read `.env` (yours alone, ignored by git) and `.env.development`
(the team's, committed, without secrets); tests read `.env.development`. A variable that is set wins
over both, and the first file over the second. `service serve` and `service worker` read no file but
those that `service --env-file` names.
"""

import os
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self

from dotenv import load_dotenv
from pydantic import BaseModel, ValidationError, create_model, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableError

from service.kit.auth.login_throttle import LoginThrottleOptions
from service.kit.cache import CacheOptions
from service.kit.db.capacity import choose_pool_size
from service.kit.db.sessions import DatabaseOptions
from service.kit.edge.compression import CompressionOptions
from service.kit.edge.options import EdgeOptions
from service.kit.migrate.files import MigrationOptions
from service.kit.offload.offload import OffloadOptions, share_cores
from service.kit.rows.export import ExportOptions
from service.kit.server.http_server import ServerOptions
from service.kit.server.logs import LogOptions
from service.kit.server.metrics_endpoint import MetricsOptions
from service.kit.server.watchdog import WatchdogOptions
from service.kit.web.idempotency import IdempotencyOptions
from service.kit.work.command_error import CommandError
from service.kit.work.options import check_nesting
from service.kit.work.tracing import TracesOptions

SIZES = {
    ("database", "pool_size"): choose_pool_size,
    ("offload", "processes"): share_cores,
    ("offload", "hashes"): share_cores,
}
"""The options whose default depends on the cores and on the number of workers."""

CLOSE = 0.7
"""How alike a misspelt option and a real one must be, as difflib measures it."""


class KitSettings(BaseSettings):
    """The kit's settings: the option `pool_size` of the group `database` is the variable
    DATABASE_POOL_SIZE.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        env_nested_delimiter="_",
        env_nested_max_split=1,
        hide_input_in_errors=True,
    )

    database: DatabaseOptions
    migrations: MigrationOptions = MigrationOptions()
    server: ServerOptions = ServerOptions()
    edge: EdgeOptions = EdgeOptions()
    idempotency: IdempotencyOptions = IdempotencyOptions()
    cache: CacheOptions = CacheOptions()
    compression: CompressionOptions = CompressionOptions()
    guesses: LoginThrottleOptions = LoginThrottleOptions()
    export: ExportOptions = ExportOptions()
    offload: OffloadOptions = OffloadOptions()
    log: LogOptions = LogOptions()
    traces: TracesOptions = TracesOptions()
    watchdog: WatchdogOptions = WatchdogOptions()
    metrics: MetricsOptions = MetricsOptions()

    @model_validator(mode="after")
    def nest_deadlines(self) -> Self:
        check_nesting(
            DATABASE_COMMAND_TIMEOUT=self.database.command_timeout,
            EDGE_REQUEST_TIMEOUT=self.edge.request_timeout,
            SERVER_DRAIN_TIMEOUT=self.server.drain_timeout,
            SERVER_KILL_TIMEOUT=self.server.kill_timeout,
        )
        return self

    @model_validator(mode="after")
    def leave_connections(self) -> Self:
        """Leave room for requests, and for probes, when all event streams are open."""
        if self.edge.streams >= self.server.connections:
            most = self.server.connections
            raise ValueError(
                f"EDGE_STREAMS ({self.edge.streams}) must be less than SERVER_CONNECTIONS ({most})"
            )
        return self

    @model_validator(mode="after")
    def choose_sizes(self) -> Self:
        for (group, option), choose in SIZES.items():
            given = getattr(self, group)
            if getattr(given, option) is None:
                sized = given.model_copy(update={option: choose(self.server.workers)})
                object.__setattr__(self, group, sized)
        return self

    def count_beside(self) -> int:
        """Return how many connections processes beside the server open, as the groups of settings
        say.
        """
        groups = (getattr(self, name) for name in type(self).model_fields)
        return sum(getattr(group, "connections_beside", 0) for group in groups)


class SettingsError(CommandError):
    """The environment does not describe a service that can start. The message names every
    problem.
    """


def load_env_files(*paths: Path) -> None:
    """Set the variables of these files that are not set yet. A file that does not exist is skipped.

    Raises `CommandError` for one that cannot be read.
    """
    for path in paths:
        try:
            load_dotenv(path)
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(
                f"{path} cannot be read: {error}. Write it again, in UTF-8."
            ) from None


def read_settings[S: KitSettings](kind: type[S], **given: Any) -> S:
    """Return the settings from the environment, or raise `SettingsError`. `given` options win over
    variables.
    """
    problems, settings = set(find_misspelt(kind)), None
    try:
        settings = kind(**given)
    except ValidationError as error:
        problems |= {problem for detail in error.errors() for problem in explain(kind, detail)}
    except UnreadableError as error:
        problems = problems or {f"  {error}"}
    if problems or settings is None:
        raise SettingsError("\n".join(["settings are missing or wrong:", *sorted(problems)]))
    return settings


def narrow_settings(kind: type[KitSettings]) -> type[KitSettings]:
    """Return settings without the service's own groups, for commands that must not need its
    secrets.
    """
    fields = kind.model_fields.items()
    kept: Any = {
        name: (field.annotation, field)
        for name, field in fields
        if name in KitSettings.model_fields
    }
    return create_model(kind.__name__, __base__=KitSettings, **kept)


def list_variables(kind: type[KitSettings]) -> Iterator[tuple[str, object, str]]:
    """Yield the name, default (`...` if it is required) and description of every variable."""
    for group, field in kind.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            for option, detail in field.annotation.model_fields.items():
                default = ... if detail.is_required() else detail.default
                if choose := SIZES.get((group, option)):
                    default = choose(ServerOptions().workers)
                yield f"{group}_{option}".upper(), default, detail.description or ""


def find_misspelt(kind: type[KitSettings]) -> Iterator[str]:
    """Yield a problem for each variable that is nearly one of ours, or named like a group.

    Variables that only begin like ours are let alone: LOG_DIR or SERVER_SOFTWARE may be somebody
    else's.
    """
    known = [name for name, *_ in list_variables(kind)]
    for group in map(str.upper, kind.model_fields):
        options = [name.removeprefix(f"{group}_") for name in known if name.startswith(f"{group}_")]
        for name in os.environ:
            option = name.upper().removeprefix(f"{group}_")
            if name.upper() == group:
                yield f"  {group}: unset it; settings are named {group}_SOMETHING"
            elif option not in (name.upper(), *options) and (
                near := get_close_matches(option, options, 1, CLOSE)
            ):
                yield f"  {name}: there is no such setting; did you mean {group}_{near[0]}?"


def explain(kind: type[KitSettings], detail: ErrorDetails) -> Iterator[str]:
    location = "_".join(str(part) for part in detail["loc"]).upper()
    if detail["type"] == "missing":
        for name, default, description in list_variables(kind):
            if default is ... and name.startswith(location):
                yield f"  {name}: it is required ({description})"
    else:
        yield f"  {f'{location}: ' if location else ''}{detail['msg'].removeprefix('Value error, ')}"
