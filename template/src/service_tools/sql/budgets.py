# kit: updated by the template; extend it from app.py
"""perf/budgets.toml: how large tables will be, and what a request may cost.

The file is the team's, and may be missing.
"""

import tomllib
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

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
    `largest_account` has, by table, how many rows one account has at most: a tenth of the table
    where it has none. `types` has what a type counts as that the contract does not know, like
    citext = "text".
    """

    rows: Mapping[str, int] = {}
    statements: Mapping[str, int] = {}
    unused_indexes: Mapping[str, str] = {}
    accounts: Mapping[str, str] = {}
    largest_account: Mapping[str, int] = {}
    types: Mapping[str, Literal["bigint", "boolean", "bytea", "jsonb", "numeric", "text"]] = {}

    def as_json(self) -> str:
        return msgspec.json.encode(self).decode()


def read_budgets(path: Path = BUDGETS_FILE) -> Budgets:
    """Return the team's budgets, or the defaults when there is no file."""
    if not path.is_file():
        return Budgets()
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Budgets)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CommandError(f"{path}: {error}. Correct the file.") from None


def find_unknown(section: str, names: Iterable[str], known: Collection[str]) -> list[str]:
    """Return what to correct for each name of a section that nothing has."""
    problems = []
    for name in names:
        if name not in known:
            nearest = get_close_matches(name, known, n=1, cutoff=0)
            advice = f"write {nearest[0]}, or delete the line" if nearest else "delete the line"
            problems.append(f"{BUDGETS_FILE} [{section}]: there is no {name}: {advice}")
    return problems
