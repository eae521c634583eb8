# kit: updated by the template; extend it from app.py
"""The `http.py` of a new slice."""

from service_tools.scaffold import lists, problems, source
from service_tools.scaffold.fields import Column
from service_tools.scaffold.resource import Resource

TEMPLATE = '''\
"""Requests about ${many}: parse, call, respond."""

${imports}

${constraints}

# The statement of each sort${of_filters}, and where the sort starts.
LISTS = {
${lists}
}
STARTS = {"-created_at": (pages.LATEST, UUID(int=0)), "created_at": (pages.EARLIEST, UUID(int=0))}


@post("/", summary="Create ${a_one}")
${create}
    """${purpose}
${check_new}
    async def work(connection: Connection | Database) -> Response[${One}]:
        created = await connection.fetch_one(
            queries.create_${one},
${new}
        )
        return Response(created, headers={"Location": f"${path}/{created.id}"})

    # One statement takes effect as a whole by itself; only with its key it needs a transaction.
    return await (once(db, idempotency_key, data, work) if idempotency_key else work(db))


@get("/{${one}_id:uuid}", summary="Read ${a_one}")
${read}
    """Return one ${spoken}."""
    found = await db.find(queries.read_${one}, ${one}_id)
    if found is None:
        raise not_found(f"The ${spoken} {${one}_id}")
    return found


@patch("/{${one}_id:uuid}", summary="Change ${a_one}")
${change}
    """Change the given fields of the `version` that the client read."""
    found = await read_${one}.fn(db, ${one}_id)
    given = {name: value for name, value in structs.asdict(data).items() if value is not UNSET}
${check_given}    wanted = structs.replace(found, **given)
    changed = await db.find(
        queries.change_${one},
        ${one}_id,
        data.version,
${changed}
    )
    if changed is None:
        raise conflict("version", f"it has been changed since version {data.version}; read it again")
    return changed


@get("/", summary="List ${many}")
async def list_${table}(
    db: Db,
    request: Request,
    sort: FromQuery[Sort] = "-created_at",
${parameters}    cursor: Cursor = None,
    limit: Limit = pages.DEFAULT_LIMIT,
) -> Response[Page[${One}]]:
    """Return a page of ${many}, the newest first unless `sort` says otherwise.${one_filter}
${fetch}
    page = keyset.cut(rows, limit, lambda row: (row.created_at, row.id))
    return Response(page, headers=pages.link(request.query_params.multi_items(), page.next))


${routes}
'''


def write(resource: Resource) -> str:
    """Return the handlers of a resource."""
    own = f"service.{resource.plural}"
    types = [*resource.classes, "Sort", *(column.wire for column in resource.columns if column.choices)]
    return source.complete(
        TEMPLATE,
        {"queries": own} | dict.fromkeys(types, f"{own}.model"),
        table=resource.plural,
        many=resource.many,
        one=resource.singular,
        One=resource.class_name,
        spoken=resource.one,
        a_one=resource.a_one,
        path=resource.path,
        constraints=source.block("CONSTRAINTS = {", problems.list_all(resource), "}"),
        of_filters=" and filter" if resource.filters else "",
        lists=source.lines(lists.list_statements(resource), "    "),
        **write_signatures(resource),
        **write_arguments(resource),
        parameters="".join(f"    {column.name}: {lists.ask(column)} = None,\n" for column in resource.filters),
        one_filter='\n\n    It takes one filter at a time.\n    """' if resource.filters else '"""',
        fetch=lists.write_fetch(resource),
        routes=write_routes(resource),
    )


def write_signatures(resource: Resource) -> dict[str, str]:
    """Return the first lines of the handlers, which are broken where names are long."""
    one, struct = resource.singular, resource.class_name
    which = f"{one}_id: FromPath[UUID]"
    return {
        "create": source.wrap(
            f"async def create_{one}(",
            ["db: Db", f"data: JSONBody[New{struct}]", "idempotency_key: IdempotencyKey"],
            f") -> Response[{struct}]:",
        ),
        "read": source.wrap(f"async def read_{one}(", ["db: Db", which], f") -> {struct}:"),
        "change": source.wrap(
            f"async def change_{one}(", ["db: Db", which, f"data: JSONBody[{struct}Change]"], f") -> {struct}:"
        ),
        "purpose": describe_creation(resource),
    }


def write_arguments(resource: Resource) -> dict[str, str]:
    """Return what the handlers hand over to the statements, and the check before, if there is one."""
    columns = resource.columns
    checked = any(column.kind.checked for column in columns)
    return {
        "check_new": "    values.check(**structs.asdict(data))\n" if checked else "",
        "check_given": "    values.check(**given)\n" if checked else "",
        "new": source.lines([pass_on("data", column) for column in columns], " " * 12),
        "changed": source.lines([pass_on("wanted", column) for column in columns], " " * 8),
    }


def write_routes(resource: Resource) -> str:
    """Return the router."""
    one = resource.singular
    handlers = [f"create_{one}", f"read_{one}", f"change_{one}", f"list_{resource.plural}"]
    listed = source.wrap("route_handlers=[", handlers, "]", indent="    ", room=1).lstrip()
    access = ["opt=NEEDS_TOKEN"] if resource.guarded else []
    return source.wrap("routes = Router(", [f'"{resource.path}"', listed, *access, f'tags=["{resource.many}"]'], ")")


def describe_creation(resource: Resource) -> str:
    """Return the rest of the docstring about creating a row: which values no other row may have."""
    names = [f"`{column.name}`" for column in resource.columns if column.unique]
    if not names:
        return f'Store a new {resource.one}."""'
    listed = source.fill(f"No other may have the same {' or '.join(names)}.", "    ", "    ")
    return f'Store a new {resource.one}.\n\n{listed}\n    """'


def pass_on(origin: str, column: Column) -> str:
    """Return the argument of a statement for a column."""
    value = f"{origin}.{column.name}"
    return f"documents.dump({value})" if column.kind.given else value
