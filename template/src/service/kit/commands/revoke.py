# kit: updated by the template; extend it from app.py
"""`service revoke`: refuse the tokens of an account, such as one whose token was stolen."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import asyncpg
import click

from service.kit.auth.revocations import insert_revocation
from service.kit.commands.definition import ServiceDefinition
from service.kit.db.errors import DatabaseError
from service.kit.db.sessions import connect
from service.kit.server.settings import KitSettings


@click.command(name="revoke")
@click.argument("subjects", nargs=-1, required=True)
@click.pass_obj
def revoke_tokens(definition: ServiceDefinition, subjects: Sequence[str]) -> None:
    """Refuse all tokens that these subjects got until now; they can log in again.

    A subject is the `sub` of its tokens, and `caller` in the access log: the id of an account, not
    the name that it logs in with. It takes effect where app.py gives `Revocations` to `Auth`.
    """
    with definition.open_settings() as settings:
        asyncio.run(revoke_all(settings, subjects))
    interval = f"{settings.revocations.interval:g} s (REVOCATIONS_INTERVAL)"
    click.echo(
        f"Revoked the tokens of {', '.join(subjects)}. Workers refuse them within {interval}."
    )


async def revoke_all(settings: KitSettings, subjects: Sequence[str]) -> None:
    keep = timedelta(seconds=settings.revocations.keep)
    async with connect(settings.database, "service revoke") as connection:
        for subject in subjects:
            try:
                await connection.execute(insert_revocation.sql, subject, keep)
            except asyncpg.UndefinedTableError as error:
                raise DatabaseError(f"{error}: run `service migrate`.") from None
