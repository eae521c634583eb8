# kit: updated by the template; extend it from app.py
"""A resource: its names, whose its rows are, and what its list can be filtered by."""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword

from service.kit.work.command_error import CommandError
from service_tools.scaffold import words
from service_tools.scaffold.fields import Column

UNCLEAR = re.compile(r".*[^s]|.*(ss|us|is)|.*[hosvxz]es|movies|series|species|news")
"""Words whose singular is unclear, or that are not plurals: `--singular` must give it."""

VOWEL = re.compile(r"[aeio]|u(?!ni|[rst])")
"""The beginning of a word that takes "an": an invoice and an upload, but a user and a unit."""


@dataclass(frozen=True)
class Resource:
    """A resource. `table` names the folder and the package too.

    Rows are `owned` by the account that created them, or else everybody's. `filters` are the sets
    of columns that the list can be filtered by. `owned_tables` says of each table that is referred
    to whether its rows are owned.
    """

    table: str
    singular: str
    columns: tuple[Column, ...]
    filters: tuple[tuple[str, ...], ...]
    owned: bool
    needs_token: bool
    export: bool
    owned_tables: Mapping[str, bool]

    @property
    def struct(self) -> str:
        return self.singular.title().replace("_", "")

    @property
    def path(self) -> str:
        return f"/v1/{self.table.replace('_', '-')}"

    @property
    def plural_text(self) -> str:
        return self.table.replace("_", " ")

    @property
    def singular_text(self) -> str:
        return self.singular.replace("_", " ")

    @property
    def a_singular(self) -> str:
        article = "an" if VOWEL.match(self.singular) else "a"
        return f"{article} {self.singular_text}"

    @property
    def owned_references(self) -> list[Column]:
        """The references to rows that have to be the caller's own."""
        return [it for it in self.columns if self.owned and self.owned_tables.get(it.references)]

    def first_reference(self, column: Column) -> Column:
        """Return the first column that refers to the same table: its statement is written once."""
        return next(it for it in self.columns if it.references == column.references)


def check_table(name: str) -> None:
    """Raise `CommandError` if a name cannot be that of a table and a package."""
    words.check_form(name, "resource")
    if iskeyword(name) or name == "kit" or name in sys.stdlib_module_names:
        raise CommandError(f"{name}: Python or the kit has this name already; choose another.")
    if name in words.SQL or name.startswith("pg_"):
        raise CommandError(f"{name}: PostgreSQL has this name already; choose another.")


def find_singular(plural: str, given: str | None) -> str:
    """Return the singular that is given, or that of a regular plural. Raises `CommandError`."""
    if given == plural:
        raise CommandError(
            f"{plural}: the plural and the singular must differ, as in news and news_item."
        )
    if given:
        words.check_form(given, "resource")
        return given
    if UNCLEAR.fullmatch(plural.rpartition("_")[2]):
        is_regular = re.search("(s|x|z|ch|sh)es$", plural)
        example = plural.removesuffix("es") if is_regular else "news_item"
        advice = f"name one of them, like `--singular {example}`"
        raise CommandError(f"{plural}: its singular is not clear; {advice}.")
    return re.sub("ies$", "ys", plural).removesuffix("s")


def list_filters(columns: Sequence[Column], combined: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the sets of filters: each alone, and those combined like "status,customer"."""
    single = [column.name for column in columns if column.filtered]
    filters: list[tuple[str, ...]] = [(name,) for name in single]
    for text in combined:
        names = tuple(text.split(","))
        if len(names) < 2 or len(set(names)) < len(names) or not set(names) <= set(single):
            known = ", ".join(single) or "none, mark them with @"
            raise CommandError(f"--filters {text}: name at least two of the filters: {known}.")
        if any(set(names) == set(others) for others in filters):
            raise CommandError("--filters: two combinations are the same.")
        filters.append(names)
    return tuple(filters)
