# kit: updated by the template; extend it from app.py
"""Names that a resource or a field cannot have."""

import re
from keyword import kwlist

from service.kit.rows.listing import Filter
from service.kit.work.command_error import CommandError

SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
MAX_LETTERS = 28

# Each word that PostgreSQL 18 would have to quote as a column: pg_get_keywords(), without those of
# category U.
KEYWORDS = """
all analyse analyze and any array as asc asymmetric authorization between bigint binary bit
boolean both case cast char character check coalesce collate collation column concurrently
constraint create cross current_catalog current_date current_role current_schema current_time
current_timestamp current_user dec decimal default deferrable desc distinct do else end except
exists extract false fetch float for foreign freeze from full grant greatest group grouping having
ilike in initially inner inout int integer intersect interval into is isnull join json json_array
json_arrayagg json_exists json_object json_objectagg json_query json_scalar json_serialize
json_table json_value lateral leading least left like limit localtime localtimestamp merge_action
national natural nchar none normalize not notnull null nullif numeric offset on only or order out
outer overlaps overlay placing position precision primary real references returning right row
select session_user setof similar smallint some substring symmetric system_user table tablesample
then time timestamp to trailing treat trim true union unique user using values varchar variadic
verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest
xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
"""
SQL = frozenset(KEYWORDS.split())

PARAMETERS = frozenset({*dir(Filter), "cursor", "limit", "format"})
"""What a list or an export takes from the query already."""

REASONS = {
    "every resource has it already": {"id", "account", "version", "created_at", "updated_at"},
    "it is a Python keyword": kwlist,
    "it is an SQL keyword and would need quotes": SQL,
    "every PostgreSQL table has it already": {
        "tableoid",
        "xmin",
        "cmin",
        "xmax",
        "cmax",
        "ctid",
    },
    "it would hide a Python type": {"bool"},
}
"""Names that a field cannot have, by the reason."""


def check_form(word: str, kind: str) -> None:
    """Raise `CommandError` if a word cannot be a name in SQL and in Python."""
    if not SNAKE_CASE.fullmatch(word) or len(word) > MAX_LETTERS:
        raise CommandError(
            f"{word}: name a {kind} in lower_snake_case, with {MAX_LETTERS} letters at most."
        )
