# kit: updated by the template; extend it from app.py
"""A resource: its names, whose its rows are, and what its list can be filtered by."""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from keyword import iskeyword

from service.kit.work.command_error import CommandError
from service_tools.scaffold import words
from service_tools.scaffold.fields import Column

type NameSets = tuple[tuple[str, ...], ...]

UNCLEAR = re.compile(r".*[^s]|.*(ss|us|is)|.*[hosvxz]es|movies|series|species|news")
"""Words whose singular is unclear, or that are not plurals: `--singular` must give it."""

VOWEL = re.compile(r"[aeio]|u(?!ni|[rst])")
"""The beginning of a word that takes "an": an invoice and an upload, but a user and a unit."""


@dataclass(frozen=True)
class Resource:
    """A resource. `table` names the folder and the package too.

    Rows are `owned` by the account that created them, or else everybody's. `filters` are the sets
    of columns that the list can be filtered by, `unique` those that no two rows share.
    `owned_tables` says of each table that is referred to whether its rows are owned. `parent` is
    the column of the row that these are nested in, whose slice has the path `base`.
    """

    table: str
    singular: str
    columns: tuple[Column, ...]
    filters: NameSets
    unique: NameSets
    owned: bool
    needs_token: bool
    export: bool
    owned_tables: Mapping[str, bool]
    base: str
    parent: Column | None

    @property
    def struct(self) -> str:
        return self.singular.title().replace("_", "")

    @property
    def path(self) -> str:
        """Its path, with {order_id} for the parent."""
        name = self.table.replace("_", "-")
        return f"{self.base}/{{{self.parent.name}}}/{name}" if self.parent else f"/v1/{name}"

    @property
    def fields(self) -> list[Column]:
        """The columns that clients send."""
        return [column for column in self.columns if column != self.parent]

    @property
    def scope(self) -> dict[str, str]:
        """The columns that tell which rows a request may see, with their types."""
        scope = {"account": "str"} if self.owned else {}
        return {**scope, self.parent.name: "UUID"} if self.parent else scope

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
    def checked_references(self) -> list[Column]:
        """The references to rows that have to be the caller's own, or in the same parent."""
        owned = [name for name, is_owned in self.owned_tables.items() if is_owned and self.owned]
        tables = [*owned, self.table] if self.parent else owned
        return [it for it in self.fields if it.references in tables]

    @property
    def copied(self) -> Sequence[str]:
        """The first unique columns of which a sample can only copy a row: they are references."""
        made = {it.name for it in self.columns if it.distinct and it.type.unique_sql}
        return next((names for names in self.unique if made.isdisjoint(names)), ())

    def name_key(self, names: Sequence[str]) -> str:
        """Return the name of the constraint that makes columns unique together."""
        own = [name for name in names if name not in self.scope]
        return f"{self.table}_{'_'.join(own)}_key"

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


def list_filters(columns: Sequence[Column], combined: Sequence[str]) -> NameSets:
    """Return the sets of filters: each alone, and those combined like "status,customer"."""
    single = [column.name for column in columns if column.filtered]
    combinations = split_sets("--filters", combined, single)
    return (*[(name,) for name in single], *combinations)


def list_unique(columns: Sequence[Column], combined: Sequence[str]) -> NameSets:
    """Return the sets of columns that no two rows share, like "number,year"."""
    able = [it.name for it in columns if not (it.unique or "@" in it.type.refuses[0])]
    return split_sets("--unique", combined, able)


def split_sets(option: str, combined: Sequence[str], known: Sequence[str]) -> NameSets:
    """Return the names of each combination, at least two of those known. Raises `CommandError`."""
    found: list[tuple[str, ...]] = []
    for text in combined:
        names = tuple(text.split(","))
        if len(names) < 2 or len(set(names)) < len(names) or not set(names) <= set(known):
            listed = ", ".join(known) or "none"
            raise CommandError(
                f"{option} {text}: name at least two of these fields: {listed}. --filters takes"
                " those marked with @, --unique those that are not unique alone by !."
            )
        if any(set(names) == set(others) for others in found):
            raise CommandError(f"{option}: two combinations are the same.")
        found.append(names)
    return tuple(found)


def mark_distinct(columns: Sequence[Column], unique: NameSets) -> list[Column]:
    """Return columns whose sample rows share no unique combination. Raises `CommandError`."""
    distinct = {column.name for column in columns if column.unique}
    for names in unique:
        chosen = [column for column in columns if column.name in names]
        able = [it.name for it in chosen if "!" not in it.type.refuses[0]]
        able += [it.name for it in chosen if it.filtered and it.references]
        if not able:
            raise CommandError(
                f"--unique {','.join(names)}: sample rows cannot differ in so few values. Add a"
                " field like number:int, or write the constraint into the migration by hand."
            )
        distinct.add(able[0])
    return [replace(it, distinct=it.name in distinct) for it in columns]
