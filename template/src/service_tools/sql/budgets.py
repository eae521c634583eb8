# kit: updated by the template; extend it from app.py
"""perf/budgets.toml: how large tables will be, and what a request may cost.

The file is the team's, and may be missing.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from service.kit.work.command_error import CommandError

BUDGETS_FILE = Path("perf/budgets.toml")
DEFAULT_ROWS = 1_000_000
DEFAULT_STATEMENTS = 10
DEFAULT_ACCOUNT_COLUMN = "account"


class Budgets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tables of the file.

    `rows` has the rows of each table in production, DEFAULT_ROWS where it has none. `statements`
    has how many statements a request may make, by method and path template, like "GET /v1/orders";
    DEFAULT_STATEMENTS where it has none. `unused_indexes` has the reason for each index that no
    statement uses. `accounts` has, by table, the column that says whose a row is:
    DEFAULT_ACCOUNT_COLUMN where it has none, and "" for a table whose rows belong to nobody.
    """

    rows: Mapping[str, int] = {}
    statements: Mapping[str, int] = {}
    unused_indexes: Mapping[str, str] = {}
    accounts: Mapping[str, str] = {}


def read_budgets(path: Path = BUDGETS_FILE) -> Budgets:
    """Return the team's budgets, or the defaults when there is no file."""
    if not path.is_file():
        return Budgets()
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Budgets)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CommandError(f"{path}: {error}. Correct the file.") from None
