# kit: updated by the template; extend it from app.py
"""One rule of the contract that a statement breaks."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What is wrong, and what to do."""

    rule: str
    detail: str
    fix: str

    def __str__(self) -> str:
        return f"{self.detail}. {self.fix}"
