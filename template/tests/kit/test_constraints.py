# kit: updated by the template
import asyncpg

from service.app import SLICES


async def test_every_constraint_has_a_problem(database_url: str):
    """Without one, a request that violates it is answered with 500. Primary keys made by the database cannot be."""
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch(
        """
        select conrelid::regclass::text as table, conname as name
          from pg_constraint
         where connamespace = 'public'::regnamespace and contype in ('u', 'c', 'f', 'x')
           and conrelid <> 'schema_migrations'::regclass
        union
        select indrelid::regclass::text, relname
          from pg_index
          join pg_class on pg_class.oid = indexrelid
         where relnamespace = 'public'::regnamespace and indisunique and not indisprimary
        """
    )
    await connection.close()
    explained = {name for part in SLICES for name in part.constraints}
    missing = [f"{row['table']}.{row['name']}" for row in rows if row["name"] not in explained]
    assert not missing, f"add to CONSTRAINTS of the slice's http.py: {', '.join(missing)}"
    unknown = explained - {row["name"] for row in rows}
    assert not unknown, f"no table has these constraints, so remove them from CONSTRAINTS: {', '.join(unknown)}"
