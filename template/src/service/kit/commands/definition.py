# kit: updated by the template; extend it from app.py
"""What the team's app.py and settings.py define, as the commands need it."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from service.kit.commands import development
from service.kit.server.settings import KitSettings, is_set, narrow_settings, read_settings
from service.kit.web.routes import Slice


@dataclass(frozen=True)
class ServiceDefinition:
    """The parts of a service. A command takes it as its first argument, by `@click.pass_obj`.

    `create` and `worker` name the factories of the application and of the job worker, as
    `module:function`.
    """

    settings: type[KitSettings]
    slices: Sequence[Slice]
    create: str
    worker: str | None = None

    @contextmanager
    def open_settings(self) -> Generator[KitSettings]:
        """Yield the kit's settings, with DATABASE_URL or else the database of development.

        The service's own groups are left out: a command on the database must not need its secrets.
        """
        kind = narrow_settings(self.settings)
        if is_set("DATABASE_URL"):
            yield read_settings(kind)
            return
        with development.run_database() as url:
            given = {"database": {"url": url}} if url else {}
            yield read_settings(kind, **given)
