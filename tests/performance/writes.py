"""What a write costs, beside other programs: `uv run python -m tests.performance.writes`.

Orders are created and changed by the service, by `floor` (the least that Python needs for the same effects) and by
`conventional` (FastAPI and SQLAlchemy's ORM, which stores neither keys nor jobs), each on one core. First, the effects
and the answers of all are compared, and their round trips to PostgreSQL counted. Then short slices of load go to each
in turn, in the other order every second round. `--write` renews the tables in docs/performance.md.
"""

import argparse
import json
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.harness import shell, snapshot
from tests.performance import builds, machine, rendered, round_trips, servers, slices, writes_report
from tests.performance.servers import Server
from tests.performance.writes_report import CHANGE, JOB, KEY, KEY_AND_JOB, PLAIN

NEW_ORDER = {
    "reference": "M-%(number)010d",
    "customer_email": "ada@example.com",
    "currency": "EUR",
    "total_minor": 1999,
    "item_count": 3,
    "tags": ["priority"],
    "note": "Leave it with the neighbours",
}
CREATE = {"method": "POST", "body": json.dumps(NEW_ORDER)}
PATCH = {"method": "PATCH", "body": '{"version": %(turn)6d, "note": "change %(number)010d"}'}
WITH_KEY = {"Idempotency-Key": "%(number)010d"}

GENERATED = {"id", "reference", "version", "created_at", "updated_at"}
"""The fields of an answer that differ with each request."""

KEYS = 2000
"""Orders that are changed in turn: so many that none is asked for twice at once."""

SECONDS_ALONE = 0.5
"""How long one client asks while round trips are counted."""

OWN = ("floor", "service")
OPTIONAL = ("axum",)
"""Programs that take part where they can be built. They insert the row, and nothing else."""

WITHOUT_JOB = {"floor": "floor", "service": "without"}
"""The programs that enqueue no job when `PART` says so."""


class Work(NamedTuple):
    """The programs that do it, what it leaves in the database, and its headers."""

    programs: tuple[str, ...]
    effects: dict[str, int]
    headers: dict[str, str]


WORKS = {
    PLAIN: Work((*OWN, "conventional", *OPTIONAL), {"orders": 1}, {}),
    JOB: Work(OWN, {"orders": 1, "jobs": 1}, {}),
    KEY: Work(OWN, {"orders": 1, "keys": 1}, WITH_KEY),
    KEY_AND_JOB: Work(OWN, {"orders": 1, "keys": 1, "jobs": 1}, WITH_KEY),
    CHANGE: Work((*OWN, "conventional"), {"changes": 1}, {}),
}


type Slices = list[tuple[str, str]]
"""Each work with each program that does it."""


def main() -> None:
    """Measure, print, and with `--write` renew the figures in docs/."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1, help="the length of a slice")
    parser.add_argument("--clients", type=int, default=32, help="connections of the closed loop")
    parser.add_argument("--rows", type=int, default=200_000, help="orders in the table at the beginning")
    parser.add_argument("--write", action="store_true", help="renew docs/performance.md and its figures")
    options = parser.parse_args()
    with rendered.make() as folder:
        figures = measure(folder, options)
    print(writes_report.draw_text(figures))
    if options.write:
        writes_report.write(figures, snapshot.ROOT / "docs")


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Start everything in the folder of a service, and return the figures."""
    chosen = list_slices(builds.select_available(OPTIONAL))
    with servers.provide_database(folder, options.rows, KEYS) as database:
        writes = Writes(folder, database, chosen, options)
        trips = writes.count_round_trips()
        with writes.start(database["url"]):
            writes.verify_answers()
            taken = list(writes.run_rounds(chosen))
    return {
        **machine.describe(),
        "versions": database["versions"] | builds.read_versions(set(OPTIONAL) & writes.started.keys()),
        "options": {name: getattr(options, name) for name in ("rounds", "seconds", "clients", "rows")},
        "trips": trips,
        "slices": taken,
    }


def list_slices(available: list[str]) -> Slices:
    """Return what is measured where these of OPTIONAL are available."""
    missing = set(OPTIONAL) - set(available)
    return [(work, name) for work in WORKS for name in WORKS[work].programs if name not in missing]


class Writes(slices.Measurement):
    """The programs, and what to write by them."""

    def __init__(self, folder: Path, database: dict[str, Any], chosen: Slices, options: argparse.Namespace) -> None:
        super().__init__(folder, {}, options)
        self.slices = chosen
        self.url = database["url"]
        self.paths = {"POST": ["/v1/orders"], "PATCH": [f"/v1/orders/{key}" for key in database["keys"]]}
        self.sent = {"POST": 0, "PATCH": 0}
        """The number of the next request, by its method."""

    @contextmanager
    def start(self, url: str) -> Generator[None]:
        """Have every program run on a database."""
        with ExitStack() as stack:
            for name in dict.fromkeys(program for _, program in self.slices):
                self.started[name] = stack.enter_context(servers.start(name, self.folder, url))
            for name, program in WITHOUT_JOB.items():
                name = f"{name} without its job"
                self.started[name] = stack.enter_context(servers.start(name, self.folder, url, program, PART="job"))
            yield

    def find_server(self, work: str, name: str) -> Server:
        is_without_job = work in (PLAIN, KEY) and name in WITHOUT_JOB
        return self.started[f"{name} without its job" if is_without_job else name]

    def specify(self, work: str) -> dict[str, Any]:
        request = PATCH if work == CHANGE else CREATE
        method = request["method"]
        headers = "".join(f"{name}: {value}\r\n" for name, value in WORKS[work].headers.items())
        return {**request, "headers": headers, "paths": self.paths[method], "first": self.sent[method]}

    def drive(self, work: str, name: str, seconds: float, **more: object) -> dict[str, Any]:
        method = self.specify(work)["method"]
        done = super().drive(work, name, seconds, **more)
        self.sent[method] += done["count"] + done["unanswered"]
        return done

    def count_round_trips(self) -> dict[str, dict[str, float]]:
        """Return how many a request takes, by work and program. Stop unless each leaves what it has to."""
        found: dict[str, dict[str, float]] = {work: {} for work in WORKS}
        with round_trips.watch(self.url) as trips, self.start(trips.url):
            for work, name in self.slices:
                self.drive(work, name, SECONDS_ALONE / 5, clients=1)  # its statements are prepared now
                before = self.read_effects()
                began = trips.count
                done = self.drive(work, name, SECONDS_ALONE, clients=1)
                slices.find_answers(work, name, done)
                found[work][name] = round((trips.count - began) / done["count"], 2)
                effects = {kind: value - before[kind] for kind, value in self.read_effects().items()}
                wanted = {kind: WORKS[work].effects.get(kind, 0) * done["count"] for kind in effects}
                if effects != wanted:
                    raise SystemExit(f"{name} left {effects} by {done['count']} times {work}, not {wanted}")
        return found

    def read_effects(self) -> dict[str, int]:
        """Return how much of what works leave is in the database."""
        program = str(servers.PROGRAMS / "effects.py")
        return json.loads(shell.run(servers.python(self.folder), program, self.url, cwd=self.folder))

    def verify_answers(self) -> None:
        """Stop unless all answer with the same JSON, to a change with the same fields, but for what always differs."""
        for work in WORKS:
            answers = {name: self.ask(work, name) for asked, name in self.slices if asked == work}
            for name, answer in answers.items():
                if answer != answers["service"]:
                    raise SystemExit(f"{name} answers {work} with {answer}, and the service with {answers['service']}")

    def ask(self, work: str, name: str) -> dict[str, Any]:
        """Return the answer to one request, without what differs with each. Each changes another order."""
        wanted = self.specify(work)
        method = wanted["method"]
        turn, place = divmod(wanted["first"], len(wanted["paths"]))
        values = {"number": wanted["first"], "turn": turn + 1}
        headers = {header: value % values for header, value in WORKS[work].headers.items()}
        server = self.find_server(work, name)
        answer = json.loads(servers.post(server, wanted["paths"][place], wanted["body"] % values, method, **headers))
        self.sent[method] += 1
        return answer | dict.fromkeys(answer if work == CHANGE else GENERATED)


if __name__ == "__main__":
    main()
