"""A statement with its wanted verdict."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from uuid import UUID

from service.kit.db.query import AnyQuery

OF_ADA = [UUID(int=0xA1), UUID(int=0xA2), UUID(int=0xA3), UUID(int=0xA4)]
"""The ids of the orders of the account ada: open, paid, shipped and open. The others are of bob."""

ORDER, PAID, SHIPPED, _ = OF_ADA
OF_BOB = UUID(int=0xB1)
EVE = UUID(int=0xC1)
MAX = UUID(int=0xC2)


@dataclass(frozen=True)
class Case:
    """One statement. Without `wants` it is valid, and every finding about it is a false alarm.

    Of the rules in `wants` one has to be found; a finding of any other rule is a false alarm, in a fault as well.
    `args` run the statement on the rows of `schema/`, as the account ada: a valid one has to return what its row type
    says, and a fault has to show. A statement with a sample runs with that, and one that needs no arguments by itself.
    `unshown` says why a fault does not show on these rows, and `empty` why a valid statement finds none. `unhelpful` is
    advice that would not help against a fault: a finding that has it counts as misleading. `beside` has other
    statements of its slice, which come before it. `given_up` says why the contract does not name a fault, and stands
    in `known.toml` as well.
    """

    name: str
    query: AnyQuery
    wants: Set[str] = frozenset()
    args: Sequence[object] | None = None
    unshown: str = ""
    empty: str = ""
    unhelpful: str = ""
    beside: Sequence[AnyQuery] = ()
    given_up: str = ""


@dataclass(frozen=True)
class Source:
    """The text of a module with statements, which is a fault where one of them is no constant."""

    name: str
    text: str
    wants: Set[str] = frozenset()
    file: str = "queries.py"


@dataclass(frozen=True)
class Setting:
    """The text of `perf/budgets.toml`, which is a fault where it names what is not there."""

    name: str
    text: str
    wants: Set[str] = frozenset()


@dataclass(frozen=True)
class Table:
    """Tables and indexes to be made, with the statements that use them."""

    name: str
    sql: str
    wants: Set[str] = frozenset()
    used_by: Sequence[AnyQuery] = ()


type AnyCase = Case | Source | Setting | Table
