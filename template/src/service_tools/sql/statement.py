# kit: updated by the template; extend it from app.py
"""A statement of a slice, and the rules of the contract that it breaks."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.kit.db.query import AnyQuery
from service_tools.sql.plans import Step, walk_plan


@dataclass(frozen=True)
class Finding:
    """One rule that a statement breaks: what is wrong, and what to do."""

    rule: str
    detail: str
    fix: str

    def __str__(self) -> str:
        return f"{self.detail}. {self.fix}"


type Findings = Iterator[Finding]


@dataclass
class Statement:
    """One `Query` by its name, with its plan, if it has one, and what it does not excuse.

    `plan_text` is the plan as PostgreSQL shows it, `asked` what it asks of each table, and `ran`
    how it ran with its sample, if it did.
    """

    name: str
    query: AnyQuery
    plan: Step | None = None
    findings: list[Finding] = field(default_factory=list)
    plan_text: str = ""
    tree: Any = field(default=None, repr=False)
    asked: Mapping[int, set[int]] = field(default_factory=dict, repr=False)
    ran: str = ""

    @property
    def slice_name(self) -> str:
        return self.name.partition(".")[0]

    @property
    def indexes(self) -> list[str]:
        """The indexes that the plan uses."""
        steps = walk_plan(self.plan) if self.plan else ()
        return sorted({step.index_name for step, _ in steps if step.index_name})

    def add_findings(self, findings: Iterable[Finding]) -> None:
        """Add what is not excused.

        `nulls` can be excused only for a statement with a sample, which is run.
        """
        excused = {rule for rule, reason in self.query.excused.items() if reason}
        if not self.query.sample:
            excused.discard("nulls")
        self.findings += [finding for finding in findings if finding.rule not in excused]


type Statements = Sequence[Statement]
