"""Modules whose statements are constants, and modules where a part of one comes from elsewhere."""

from inside.tools.corpus.case import Source

CONSTANT = {"constant"}

HEAD = """
from uuid import UUID

from service.kit.db import Query
"""

READ = """
read_order = Query("select number from orders where id = $1", str, tuple[UUID])
"""


def fault(name: str, text: str, file: str = "queries.py") -> Source:
    return Source(name, HEAD + text, CONSTANT, file)


def valid(name: str, text: str) -> Source:
    return Source(name, HEAD + text)


CASES = [
    fault(
        "call_in_an_f_string",
        """
read = Query(f"select {str(1)}", str)
""",
    ),
    fault(
        "environment",
        """
import os

TABLE = os.environ.get("TABLE", "orders")
read = Query(f"select 1 from {TABLE}", int)
""",
    ),
    fault(
        "environment_at_once",
        """
import os

read = Query(f"select 1 from {os.environ.get("TABLE", "a")}", int)
""",
    ),
    fault(
        "environment_by_getenv",
        """
from os import getenv

TABLE = getenv("TABLE")
read = Query(f"select 1 from {TABLE}", int)
""",
    ),
    fault(
        "name_of_another_package",
        """
from string import ascii_letters as LETTERS

read = Query(f"select '{LETTERS}'", str)
""",
    ),
    fault(
        "name_bound_twice",
        """
TABLE = "orders"
read = Query(f"select 1 from {TABLE}", int)
TABLE = "tasks"
""",
    ),
    fault(
        "name_changed_by_a_function",
        """
TABLE = "orders"


def choose(name):
    global TABLE
    TABLE = name


read = Query(f"select 1 from {TABLE}", int)
""",
    ),
    fault(
        "format",
        """
TABLES = ["orders"]
read = Query("select 1 from {}".format(TABLES[0]), int)
""",
    ),
    fault(
        "percent",
        """
TABLES = ["orders"]
read = Query("select 1 from %s" % TABLES[0], int)
""",
    ),
    fault(
        "joined",
        """
NAMES = [name for name in ("id", "number")]
read = Query("select " + ", ".join(NAMES), str)
""",
    ),
    fault(
        "setting",
        """
from service.settings import Settings

read = Query(f"select '{Settings.__name__}'", str)
""",
    ),
    fault(
        "in_a_function",
        """
def make(column):
    return Query(f"select {column} from orders", str)
""",
    ),
    fault(
        "in_a_method",
        """
class Reads:
    def make(self, column):
        return Query("select " + column, str)
""",
    ),
    fault(
        "in_a_handler",
        """
async def show(db, sort):
    return await db.fetch(Query(f"select id from orders order by {sort}", UUID))
""",
        "http.py",
    ),
    fault(
        "outside_of_queries",
        """
read = Query("select 1", int)
""",
        "http.py",
    ),
    fault(
        "by_another_name",
        """
Statement = Query
read = Statement("select 1", int)
""",
    ),
    fault(
        "by_an_alias",
        """
from service.kit.db import Query as Q


def make(column):
    return Q(f"select {column}", str)
""",
    ),
    fault(
        "by_partial",
        """
from functools import partial

make = partial(Query, row=str)
read = make("select 1")
""",
    ),
    fault(
        "raw_connection",
        """
async def show(db, sort):
    async with db.connect() as connection:
        return await connection.raw.fetch(f"select {sort}")
""",
        "http.py",
    ),
    fault(
        "computed_column",
        """
import os

read = Query("select {columns} from orders", str, columns={"number": f"{os.environ.get("A", "1")}"})
""",
    ),
    fault(
        "assigned",
        READ
        + """
COLUMN = "number"
read_order.sql = f"select {COLUMN} from orders"
""",
    ),
    fault(
        "assigned_in_a_function",
        READ
        + """


def sort(column):
    read_order.sql = f"select number from orders order by {column}"


sort("id")
""",
    ),
    fault(
        "assigned_elsewhere",
        READ
        + """


def limit(query, rows):
    query.sql += f" limit {rows}"


limit(read_order, 5)
""",
    ),
    fault(
        "set_by_name",
        READ
        + """
setattr(read_order, "sql", "select 1")
""",
    ),
    fault(
        "changed_arguments",
        READ
        + """
read_order.params = (str,)
""",
    ),
    fault(
        "changed_excuses",
        READ
        + """
read_order.excused = {"scope": "none"}
""",
    ),
    fault(
        "excused_later",
        """
read_order = Query("select number from orders where id = $1", str, tuple[UUID], excused={"sort": "few"})
read_order.excused["scope"] = "none"
""",
    ),
    fault(
        "made_again",
        READ
        + """
read_order.__init__("select 1", int)
""",
    ),
    valid("text", READ),
    valid(
        "long_text",
        '''
read = Query(
    """
    select number
      from orders
     where id = $1
    """,
    str,
    tuple[UUID],
)
''',
    ),
    valid(
        "two_texts",
        """
read = Query("select number from orders " "where id = $1", str, tuple[UUID])
""",
    ),
    valid(
        "constant",
        """
COLUMNS = "id, number"
read = Query(f"select {COLUMNS} from orders where id = $1", str, tuple[UUID])
""",
    ),
    valid(
        "constant_of_constants",
        """
TABLE = "orders"
ONE = f"from {TABLE} where id = $1"
read = Query(f"select number {ONE}", str, tuple[UUID])
""",
    ),
    valid(
        "number",
        """
MAX_ROWS = 100
read = Query(f"select id from orders order by id limit {MAX_ROWS}", UUID)
""",
    ),
    valid(
        "sum",
        """
ONE = "from orders where id = $1"
read = Query("select number " + ONE, str, tuple[UUID])
""",
    ),
    valid(
        "annotated",
        """
ONE: str = "where id = $1"
read: Query[str, UUID] = Query(f"select number from orders {ONE}", str, tuple[UUID])
""",
    ),
    valid(
        "mapping",
        """
reads = {"one": Query("select 1", int), "two": Query("select 2", int)}
""",
    ),
    valid(
        "list",
        """
reads = [Query("select 1", int), Query("select 2", int)]
""",
    ),
    valid(
        "computed_columns",
        """
COMPUTED = {"number": "upper(number)"}
read = Query("select number from orders where id = $id", str, tuple[UUID], columns=COMPUTED)
""",
    ),
    valid(
        "second_name",
        READ
        + """
newest = read_order
""",
    ),
    valid(
        "excused",
        """
read = Query("select 1", int, excused={"scope": "none"})
""",
    ),
    valid(
        "type_of_an_argument",
        """
async def show(db, query: Query[str, UUID]) -> Query[str, UUID]:
    return query
""",
    ),
]
