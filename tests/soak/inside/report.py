"""What the soak tells, as text and as JSON."""

import json
from dataclasses import asdict, dataclass, field

from soak.poison import Tally
from soak.rest import Rest, Slope


@dataclass
class Report:
    """The result. `recoveries` are the seconds until the service took a write again, for each time a fault came."""

    seed: int
    postgresql: str
    minutes: float = 0.0
    recoveries: dict[str, list[float]] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    orders: int = 0
    changes: int = 0
    jobs: Tally | None = None
    before: Rest | None = None
    after: Rest | None = None
    memory: list[Slope] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def as_json(self) -> str:
        rests = {name: rest._asdict() for name, rest in (("before", self.before), ("after", self.after)) if rest}
        jobs = {"jobs": self.jobs._asdict()} if self.jobs else {}
        return json.dumps(
            asdict(self) | rests | jobs | {"memory": [slope._asdict() for slope in self.memory]}, indent=2
        )

    def as_text(self) -> str:
        return "\n".join([*self.draw_faults(), *self.draw_rest(), *self.draw_verdict()])

    def draw_faults(self) -> list[str]:
        rows = [
            f"  {name:58} {len(seconds):5} {max(seconds):12.1f}" for name, seconds in sorted(self.recoveries.items())
        ]
        head = f"Soaked for {self.minutes:.1f} minutes with seed {self.seed}, on {self.postgresql}.\n"
        return [head, f"  {'fault':58} {'times':>5} {'longest s':>12}", *rows, ""]

    def draw_rest(self) -> list[str]:
        told = ", ".join(f"{name}: {count:,}" for name, count in sorted(self.answers.items()))
        lines = [f"Answers by status: {told}", f"Acknowledged: {self.orders:,} orders, {self.changes:,} changes"]
        if self.jobs:
            lines += [
                f"Harmful jobs: {self.jobs.harmful}, of which {self.jobs.held} are held",
                f"Harmless jobs that came with them: {self.jobs.harmless}, in {self.jobs.runs} runs",
            ]
        if self.before and self.after:
            lines += [
                f"At rest, before and after: {name} {was} and {now}"
                for name, was, now in zip(Rest._fields, self.before, self.after, strict=True)
            ]
        return lines + [f"Memory of a worker: {it.growth:+.2f} ± {it.noise:.2f} MB a minute" for it in self.memory]

    def draw_verdict(self) -> list[str]:
        if self.broken:
            return ["", "Broken:", *(f"- {text}" for text in self.broken)]
        return ["", "Nothing acknowledged was lost, and nothing leaked."]
