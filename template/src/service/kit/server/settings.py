# kit: updated by the template; extend it from app.py
"""Settings from environment variables: typed, frozen, and checked before anything starts.

To add one, give a group (a frozen pydantic model such as `ServerOptions`) a field with a default,
and a description as its docstring; a new group needs a field in the team's `Settings`. The option
`page_size` of the field `orders` is the variable ORDERS_PAGE_SIZE, and `service settings` lists it.
A field that is no group, such as `page_size: int = 20`, is a variable by itself: PAGE_SIZE.

A field of the type SecretStr can come from a file: then NAME_FILE is its path, and NAME is not set.
Call `get_secret_value()` each time the secret is used: its value follows the file.

In development, the commands also read `.env` (yours alone, ignored by git) and `.env.development`
(the team's, committed, without secrets); tests read `.env.development`. A variable that is set wins
over both, and the first file over the second. `service serve` and `service worker` read no file but
those that `service --env-file` names.
"""

import os
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self, TypeGuard

from dotenv import load_dotenv
from pydantic import BaseModel, ValidationError, create_model, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnreadableError

from service.kit.auth.login_throttle import LoginThrottleOptions
from service.kit.auth.revocations import RevocationOptions
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
from service.kit.work.secret_files import (
    SUFFIX,
    SecretFile,
    is_secret,
    open_secret,
    read_secret,
)
from service.kit.work.tracing import TracesOptions

SIZES: dict[tuple[str, ...], Callable[[int], int]] = {
    ("database", "pool_size"): choose_pool_size,
    ("offload", "processes"): share_cores,
    ("offload", "hashes"): share_cores,
}
"""The options whose default depends on the cores and on the number of workers."""

MIN_SIMILARITY = 0.7
"""How similar a misspelt option and a real one must be, as a ratio of difflib."""


class KitSettings(BaseSettings):
    """The kit's settings, one field for each group of variables."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        env_nested_delimiter="_",
        env_nested_max_split=1,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    database: DatabaseOptions
    migrations: MigrationOptions = MigrationOptions()
    server: ServerOptions = ServerOptions()
    edge: EdgeOptions = EdgeOptions()
    idempotency: IdempotencyOptions = IdempotencyOptions()
    cache: CacheOptions = CacheOptions()
    compression: CompressionOptions = CompressionOptions()
    guesses: LoginThrottleOptions = LoginThrottleOptions()
    revocations: RevocationOptions = RevocationOptions()
    export: ExportOptions = ExportOptions()
    offload: OffloadOptions = OffloadOptions()
    log: LogOptions = LogOptions()
    traces: TracesOptions = TracesOptions()
    watchdog: WatchdogOptions = WatchdogOptions()
    metrics: MetricsOptions = MetricsOptions()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        files = InitSettingsSource(settings_cls, open_secrets(cls))
        return init_settings, files, env_settings, dotenv_settings, file_secret_settings

    @model_validator(mode="after")
    def check_deadlines(self) -> Self:
        check_nesting(
            DATABASE_COMMAND_TIMEOUT=self.database.command_timeout,
            EDGE_REQUEST_TIMEOUT=self.edge.request_timeout,
            SERVER_DRAIN_TIMEOUT=self.server.drain_timeout,
            SERVER_KILL_TIMEOUT=self.server.kill_timeout,
        )
        return self

    @model_validator(mode="after")
    def check_streams(self) -> Self:
        """Leave connections for requests, and for probes, when all streams are open."""
        streams = self.edge.streams
        names = f"EDGE_STREAMS ({streams})"
        if self.server.websockets:
            streams += self.edge.sockets
            names += f" and EDGE_SOCKETS ({self.edge.sockets})"
        connections = self.server.connections
        if streams >= connections:
            limit = f"must be less than SERVER_CONNECTIONS ({connections})"
            raise ValueError(f"{names} {limit}")
        return self

    @model_validator(mode="after")
    def choose_sizes(self) -> Self:
        for (name, option), choose_size in SIZES.items():
            group = getattr(self, name)
            if getattr(group, option) is None:
                size = choose_size(self.server.workers)
                sized = group.model_copy(update={option: size})
                object.__setattr__(self, name, sized)
        return self

    def count_worker_connections(self) -> int:
        """Return how many connections one process of `service worker` opens; 0 without jobs."""
        groups = (getattr(self, name) for name in type(self).model_fields)
        return sum(getattr(group, "connections_beside", 0) for group in groups)


class SettingsError(CommandError):
    """Settings are missing or wrong. The message lists every problem."""


def load_env_files(*paths: Path) -> set[str]:
    """Set the variables of these files that are not set yet, and return their names.

    Missing files are skipped. Raises `CommandError` for one that cannot be read.
    """
    set_before = set(os.environ)
    for path in paths:
        try:
            load_dotenv(path)
        except (OSError, UnicodeDecodeError) as error:
            advice = "Write it again, in UTF-8."
            raise CommandError(f"{path} cannot be read: {error}. {advice}") from None
    return os.environ.keys() - set_before


def read_settings[S: KitSettings](kind: type[S], **given: Any) -> S:
    """Return the settings from the environment. `given` groups win over variables.

    Raises `SettingsError`.
    """
    problems = set(find_misspelt_variables(kind))
    settings = None
    try:
        settings = kind(**given)
    except ValidationError as error:
        for detail in error.errors():
            problems.update(describe_problem(kind, detail))
    except UnreadableError as error:
        problems = problems or {f"  {error}"}
    if problems or settings is None:
        raise SettingsError("\n".join(["settings are missing or wrong:", *sorted(problems)]))
    return settings


def narrow_settings(kind: type[KitSettings]) -> type[KitSettings]:
    """Return settings without the service's own groups, for commands that must not need secrets."""
    fields: Any = {}
    for name in KitSettings.model_fields:
        field = kind.model_fields[name]
        fields[name] = (field.annotation, field)
    return create_model(kind.__name__, __base__=KitSettings, **fields)


def list_variables(kind: type[KitSettings]) -> Iterator[tuple[str, object, str]]:
    """Yield the name, default (`...` if it is required) and description of every variable."""
    for names, field in find_fields(kind):
        default = ... if field.is_required() else field.default
        choose_size = SIZES.get(names)
        if choose_size:
            default = choose_size(ServerOptions().workers)
        yield "_".join(names).upper(), default, field.description or ""


def find_fields(kind: type[KitSettings]) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Yield the field of every variable, with its group and its name there, or its name alone."""
    for name, field in kind.model_fields.items():
        if not is_group(field.annotation):
            yield (name,), field
            continue
        for option, detail in field.annotation.model_fields.items():
            yield (name, option), detail


def open_secrets(kind: type[KitSettings]) -> dict[str, Any]:
    """Return what comes from files, in the groups of the settings."""
    opened: dict[str, Any] = {}
    for (*groups, option), field in find_fields(kind):
        secret = open_secret("_".join([*groups, option]).upper(), field)
        if secret is not None:
            group = opened.setdefault(groups[0], {}) if groups else opened
            group[option] = secret
    return opened


def read_variable(name: str) -> str | None:
    """Return a variable, or what is in its file; None if neither is set. Raises `CommandError`."""
    path = os.environ.get(name + SUFFIX)
    if not path:
        return os.environ.get(name)
    try:
        return read_secret(name, path)
    except ValueError as error:
        raise CommandError(f"{name}{SUFFIX}: {error}.") from None


def is_set(name: str) -> bool:
    """Return whether a variable is set, or a file that has its value."""
    return bool(os.environ.get(name) or os.environ.get(name + SUFFIX))


def is_group(options: object) -> TypeGuard[type[BaseModel]]:
    """Return whether the type of a field is a group of variables, rather than of one variable."""
    return isinstance(options, type) and issubclass(options, BaseModel)


def list_names(kind: type[KitSettings]) -> list[str]:
    """Return the names of all variables, those of files included."""
    names = []
    for parts, field in find_fields(kind):
        name = "_".join(parts).upper()
        names += [name, name + SUFFIX] if is_secret(field.annotation) else [name]
    return names


def find_misspelt_variables(kind: type[KitSettings]) -> Iterator[str]:
    """Yield a problem for each variable that is nearly one of ours, or named like a group.

    Variables that only begin like ours are ignored: LOG_DIR or SERVER_SOFTWARE may belong to other
    software.
    """
    known = list_names(kind)
    for field, detail in kind.model_fields.items():
        if not is_group(detail.annotation):
            continue
        group = field.upper()
        prefix = f"{group}_"
        options = [name.removeprefix(prefix) for name in known if name.startswith(prefix)]
        for name in os.environ:
            upper = name.upper()
            if upper == group:
                yield f"  {group}: unset it; settings are named {group}_SOMETHING"
            if not upper.startswith(prefix):
                continue
            option = upper.removeprefix(prefix)
            ending = SUFFIX if option.endswith(SUFFIX) else ""
            candidates = [it.removesuffix(ending) for it in options if it.endswith(ending)]
            meant = option.removesuffix(ending)
            similar = get_close_matches(meant, candidates, 1, MIN_SIMILARITY)
            if similar and option not in options:
                suggestion = f"{prefix}{similar[0]}{ending}"
                yield f"  {name}: there is no such setting; did you mean {suggestion}?"


def describe_problem(kind: type[KitSettings], detail: ErrorDetails) -> Iterator[str]:
    """Yield a line for each variable that pydantic complains about."""
    location = "_".join(str(part) for part in detail["loc"]).upper()
    given = detail["input"]
    if isinstance(given, ValueError):  # from `open_secret`
        yield f"  {location}{SUFFIX}: {given}"
        return
    if detail["type"] != "missing":
        message = detail["msg"].removeprefix("Value error, ")
        if isinstance(given, SecretFile):
            location = given.variable
            message = f"{given.path!r}: {message}"
        yield f"  {location}: {message}" if location else f"  {message}"
        return
    for name, default, description in list_variables(kind):
        if default is ... and name.startswith(location):
            yield f"  {name}: it is required ({description})"
