"""Let the contract judge all cases on one database, and compare its verdicts with the wanted ones."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from inside.tools.corpus import statements
from inside.tools.corpus.case import AnyCase, Case, Setting, Source
from inside.tools.corpus.judging import Findings, judge_setting, judge_source, judge_statements, judge_table
from service_tools.sql import scratch
from service_tools.sql.budgets import read_budgets

FOLDER = Path(__file__).parent
SCHEMA = FOLDER / "schema"
KNOWN = FOLDER / "known.toml"
BUDGETS = read_budgets(FOLDER / "budgets.toml")


@dataclass(frozen=True)
class Verdicts:
    """What the contract says of cases, and where that is not what is wanted.

    `missed` has the faults that are not named, `false_alarms` the rules that are named wrongly, by case, `misleading`
    the faults with advice that would not help, `unusable` the files of the schema that it fails on, and `given_up` why
    faults are missed.
    """

    faults: Sequence[str]
    valid: Sequence[str]
    missed: Sequence[str]
    false_alarms: Mapping[str, Sequence[str]]
    misleading: Sequence[str]
    unusable: Sequence[str]
    given_up: Mapping[str, str]

    @property
    def caught(self) -> int:
        """How many faults are named."""
        return len(self.faults) - len(self.missed)

    @property
    def suspected(self) -> int:
        """How many valid ones have a false alarm."""
        return len(self.false_alarms.keys() & {*self.valid})

    def describe(self) -> str:
        """Return the score."""
        return (
            f"{self.caught} of {len(self.faults)} planted faults are caught, "
            f"and {self.suspected} of {len(self.valid)} valid cases have a false alarm"
        )

    def write(self) -> str:
        """Return what belongs into `known.toml`."""
        lines = [
            "# Where the contract is wrong today. Renew it, also to merge it: python -m inside.tools.corpus --write",
            f"faults = {len(self.faults)}",
            f"caught = {self.caught}",
            f"valid = {len(self.valid)}",
            f"suspected = {self.suspected}",
            *write_list("unusable", "Files of the schema that it fails on.", self.unusable),
            *write_list("missed", "Faults that it does not name.", self.missed, self.given_up),
            *write_list("misleading", "Faults against which its advice does not help.", self.misleading),
            "",
            "# Rules that it names wrongly, also about faults of other rules.",
            "[false_alarms]",
            *(f'"{name}" = [{", ".join(map(quote, rules))}]' for name, rules in self.false_alarms.items()),
        ]
        return "\n".join([*lines, ""])


def write_list(name: str, comment: str, items: Iterable[str], reasons: Mapping[str, str] | None = None) -> list[str]:
    lines = []
    for item in items:
        reason = (reasons or {}).get(item)
        lines.append(f"    {quote(item)},  # {reason}" if reason else f"    {quote(item)},")
    return ["", f"# {comment}", f"{name} = [", *lines, "]"]


def quote(name: str) -> str:
    return f'"{name}"'


def list_cases() -> dict[str, AnyCase]:
    """Return all cases by the name of their area and their own."""
    found: dict[str, AnyCase] = {}
    for area, cases in statements.AREAS.items():
        for case in cases:
            name = f"{area}.{case.name}"
            if name in found:
                raise ValueError(f"{name} is there twice")
            found[name] = case
    return found


def list_statements(cases: Mapping[str, AnyCase]) -> dict[str, Case]:
    """Return the cases that are statements."""
    return {name: case for name, case in cases.items() if isinstance(case, Case)}


async def build(connection: asyncpg.Connection) -> list[str]:
    """Make the schema and its rows, as large as production. Return the files that the contract fails on."""
    unusable = []
    for path in sorted(SCHEMA.glob("*.sql")):
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(path.read_text("utf-8"))
        try:
            await scratch.restore_statistics(connection, BUDGETS)
        except asyncpg.PostgresError:
            await transaction.rollback()
            unusable.append(path.stem)
        else:
            await transaction.commit()
    return unusable


async def judge(connection: asyncpg.Connection, cases: Mapping[str, AnyCase]) -> dict[str, Findings]:
    """Return what the contract finds about each case."""
    found = await judge_statements(connection, list_statements(cases), BUDGETS)
    for name, case in cases.items():
        if isinstance(case, Case):
            continue
        if isinstance(case, Source):
            found[name] = judge_source(case)
        elif isinstance(case, Setting):
            found[name] = await judge_setting(connection, case)
        else:
            found[name] = await judge_table(connection, case, BUDGETS)
    return {name: found[name] for name in cases}


def compare(cases: Mapping[str, AnyCase], found: Mapping[str, Findings], unusable: Sequence[str]) -> Verdicts:
    """Return where the contract is wrong."""
    faults = [name for name, case in cases.items() if case.wants]
    wrong = {name: sorted(said.keys() - cases[name].wants) for name, said in found.items()}
    misleading = []
    for name, case in list_statements(cases).items():
        said = " ".join(found[name].values())
        if case.unhelpful and case.unhelpful in said:
            misleading.append(name)
    return Verdicts(
        faults=faults,
        valid=[name for name, case in cases.items() if not case.wants],
        missed=[name for name in faults if not found[name].keys() & cases[name].wants],
        false_alarms={name: rules for name, rules in wrong.items() if rules},
        misleading=misleading,
        unusable=unusable,
        given_up={name: case.given_up for name, case in list_statements(cases).items()},
    )
