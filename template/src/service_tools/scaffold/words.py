# kit: updated by the template; extend it from app.py
"""Words that a name cannot be, because they mean something else in SQL or where the name would stand."""


def read(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


# Every word that PostgreSQL 18 would have to quote as a column: pg_get_keywords(), but for those of category U.
SQL = read(
    """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast
    char character check coalesce collate collation column concurrently constraint create cross current_catalog
    current_date current_role current_schema current_time current_timestamp current_user dec decimal default deferrable
    desc distinct do else end except exists extract false fetch float for foreign freeze from full grant greatest group
    grouping having ilike in initially inner inout int integer intersect interval into is isnull join json json_array
    json_arrayagg json_exists json_object json_objectagg json_query json_scalar json_serialize json_table json_value
    lateral leading least left like limit localtime localtimestamp merge_action national natural nchar none normalize
    not notnull null nullif numeric offset on only or order out outer overlaps overlay placing position precision
    primary real references returning right row select session_user setof similar smallint some substring symmetric
    system_user table tablesample then time timestamp to trailing treat trim true union unique user using values
    varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest
    xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
    """
)

SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
OWN_COLUMNS = frozenset({"id", "version", "created_at", "updated_at"})
LIST_PARAMETERS = frozenset({"sort", "cursor", "limit"})

# A field of this name would hide the type in the class that has it.
HIDING = frozenset({"bool"})

# What the list's handler cannot have as a parameter: the framework's own, and names that it uses itself.
HANDLER = read(
    """
    body cookies data headers query request scope socket state
    after datetime db filters keyset page pages picked queries rows tuple
    """
)

# What a slice imports or defines beside its own classes.
CLASSES = read(
    """
    Annotated Any AsyncIterator Currency Cursor Database Date Db Decimal FromPath FromQuery Integer JSONBody Json Keyset
    Limit Literal Meta Minor Moment Numeric Page Query QueryParameter Request Response Router Slice Sort StoredJson
    Struct Text Texts UnsetType Version
    """
)
