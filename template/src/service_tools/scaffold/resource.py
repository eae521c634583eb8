# kit: updated by the template; extend it from app.py
"""A resource: what it is called, whose its rows are, and what its list can be filtered by."""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword

from service.kit.work.command_error import CommandError
from service_tools.scaffold import words
from service_tools.scaffold.fields import MOST_LETTERS, NAME, Column

# Words whose singular is not clear, or that may be no plurals: movies, caches and news.
UNCLEAR = re.compile(
    r"""
    .*[^s] | .*(ss|us|is|ics) | .*oes | .*zzes | .*(?<![tnr])(?<![eo]a)ches | .*(ly|cri|no|the)ses | .*(l|ea|ar|oa)ves
    | (ser|spec|mov|cook|zomb|calor|rook|pix|smooth|self|t|p|l|d)ies | (kn|w|l)ives | (ba|oa|op|len|ga)ses | axes
    | (new|len|mean|ga|canva|alia|bia|atla)s
    """,
    re.VERBOSE,
)
ENDING = re.compile(r"(?:(?<=ss)es|(?<=[sc]h)es|(?<=x)es|(?<=[tbn]us)es|s)$")
# "an invoice", and "a user": a written vowel that is spoken as a consonant.
VOWEL = re.compile(r"(?!eu|one|u[bcfhjknqrst][aeiou])[aeiou]")


@dataclass(frozen=True)
class Resource:
    """A resource. `table` names the folder and the package too, and `one` is its singular.

    Rows are `owned` by the account that created them, or else everybody's. Without `guarded`,
    callers need no token. `filters` are the sets of columns that the list can be filtered by.
    `foreign` says of each table that is referred to whether its rows are owned; `checked` are the
    references to such rows, which have to be the caller's own. `command` makes the slice again.
    """

    table: str
    one: str
    columns: tuple[Column, ...]
    filters: tuple[tuple[str, ...], ...]
    owned: bool
    guarded: bool
    export: bool
    foreign: Mapping[str, bool]
    command: str

    @property
    def struct(self) -> str:
        return "".join(part.capitalize() for part in self.one.split("_"))

    @property
    def path(self) -> str:
        return f"/v1/{self.table.replace('_', '-')}"

    @property
    def a_one(self) -> str:
        return f"{'an' if VOWEL.match(self.one) else 'a'} {self.one.replace('_', ' ')}"

    @property
    def checked(self) -> list[Column]:
        return [
            column for column in self.columns if self.owned and self.foreign.get(column.references)
        ]

    def first(self, column: Column) -> Column:
        """Return the first column that refers to the same table: what is asked of that table is
        written once.
        """
        return next(it for it in self.columns if it.references == column.references)


def name(plural: str, singular: str | None) -> str:
    """Return the singular of a resource, or raise `CommandError`."""
    check_form(plural)
    if iskeyword(plural) or plural == "kit" or plural in sys.stdlib_module_names:
        raise CommandError(f"{plural}: Python or the kit has this name already; choose another.")
    if plural in words.SQL or plural.startswith("pg_"):
        raise CommandError(f"{plural}: PostgreSQL has this name already; choose another.")
    if singular is None and UNCLEAR.fullmatch(plural.rpartition("_")[2]):
        advice = "name the resource in the plural, and say what one is called, as in `news --singular news_item`"
        raise CommandError(f"{plural}: its singular is not clear; {advice}.")
    if singular is None:
        singular = f"{plural[:-3]}y" if plural.endswith("ies") else ENDING.sub("", plural)
    check_form(singular)
    if singular == plural:
        raise CommandError(
            f"{plural}: the plural and the singular must differ, as in news and news_item."
        )
    return singular


def list_filters(columns: Sequence[Column], combined: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the sets of filters: each alone, and those that are `combined`, like
    "status,customer".
    """
    single = [(column.name,) for column in columns if column.filtered]
    several = [tuple(names.split(",")) for names in combined]
    for names in several:
        if (
            len(names) < 2
            or len(set(names)) < len(names)
            or not {(name,) for name in names} <= {*single}
        ):
            known = ", ".join(name for (name,) in single) or "none, mark them with @"
            raise CommandError(
                f"--filters {','.join(names)}: name at least two of the filters: {known}."
            )
    if len(set(map(frozenset, several))) < len(several):
        raise CommandError("--filters: two combinations are the same.")
    return (*single, *several)


def check_form(word: str) -> None:
    if not NAME.fullmatch(word) or len(word) > MOST_LETTERS:
        raise CommandError(
            f"{word}: name a resource in lower_snake_case, with {MOST_LETTERS} letters at most."
        )
