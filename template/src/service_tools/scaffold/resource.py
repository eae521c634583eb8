# kit: updated by the template; extend it from app.py
"""What a resource is called: in the plural and singular, as a class, in a path and in sentences."""

import re
import sys
from dataclasses import dataclass
from keyword import iskeyword

from service_tools.scaffold import words
from service_tools.scaffold.fields import Column, Field
from service_tools.scaffold.refusal import Refusal

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z][a-z0-9]*)*")
MOST_LETTERS = 28
NO_PLURAL = re.compile(r".*(ss|us|is)|.*[^s]")
ENDINGS = (
    (re.compile(r"(.*[^aeo])ies"), r"\1y"),  # categories
    (re.compile(r"(.*(?:ss|sh|ch|x|zz|[^aeo]us))es"), r"\1"),  # addresses, boxes, statuses
    (re.compile(r"(.*)s"), r"\1"),
)
# "an invoice", and "a user": a written vowel that is spoken as one.
VOWEL = re.compile(r"(?!eu|one|u[bcfhjknqrst][aeiou])[aeiou]")


@dataclass(frozen=True)
class Resource:
    """A resource and its fields. `plural` names the table, the folder and the package; `guarded` asks for a token."""

    plural: str
    singular: str
    fields: tuple[Field, ...] = ()
    guarded: bool = False

    @property
    def columns(self) -> list[Column]:
        """The columns of all fields."""
        return [column for field in self.fields for column in field.columns]

    @property
    def filters(self) -> list[Column]:
        """The columns that the list can be filtered by."""
        return [column for column in self.columns if column.filtered]

    @property
    def class_name(self) -> str:
        """The name of the struct."""
        return "".join(part.capitalize() for part in self.singular.split("_"))

    @property
    def classes(self) -> frozenset[str]:
        """The names of all structs."""
        return frozenset({self.class_name, f"New{self.class_name}", f"{self.class_name}Change"})

    @property
    def path(self) -> str:
        """Where the routes are."""
        return f"/v1/{self.plural.replace('_', '-')}"

    @property
    def many(self) -> str:
        """The plural in a sentence."""
        return self.plural.replace("_", " ")

    @property
    def one(self) -> str:
        """The singular in a sentence, without an article."""
        return self.singular.replace("_", " ")

    @property
    def a_one(self) -> str:
        """The singular in a sentence, with its article."""
        return f"{'an' if VOWEL.match(self.singular) else 'a'} {self.one}"


def name(plural: str, singular: str | None) -> Resource:
    """Return the resource of a name, or refuse."""
    check_form(plural, "a resource")
    if iskeyword(plural) or plural == "kit" or plural in sys.stdlib_module_names:
        raise Refusal(f"{plural}: Python or the kit has this name already; choose another.")
    if plural in words.SQL or plural.startswith("pg_"):
        raise Refusal(f"{plural}: PostgreSQL has this name already; choose another.")
    if singular is None and NO_PLURAL.fullmatch(plural):
        raise Refusal(f"{plural}: name the resource in the plural, or say what one is called with --singular.")
    resource = Resource(plural, derive_singular(plural) if singular is None else singular)
    check_form(resource.singular, "one of a resource")
    if resource.singular == plural:
        raise Refusal(f"{plural}: the plural and the singular must differ, as in news and news_item.")
    if resource.classes & words.CLASSES:
        raise Refusal(f"{resource.singular}: the slice needs the word {resource.class_name}; choose with --singular.")
    return resource


def check_form(word: str, what: str) -> None:
    """Refuse a word that cannot be a part of names."""
    if not NAME.fullmatch(word) or len(word) > MOST_LETTERS:
        raise Refusal(f"{word}: name {what} in lower_snake_case, with {MOST_LETTERS} letters at most.")


def derive_singular(plural: str) -> str:
    """Return the singular of a regular plural."""
    return next(pattern.sub(ending, plural) for pattern, ending in ENDINGS if pattern.fullmatch(plural))
