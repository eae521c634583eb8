"""Print what the contract says and should not, or does not say and should, and the score.

`python -m inside.tools.corpus [AREA.NAME …]` judges these cases, or all; `--write` renews `known.toml`.
"""

import argparse
import asyncio
import os
import tempfile
from pathlib import Path

import asyncpg
from inside.tools.corpus import runner
from inside.tools.corpus.case import Case
from service_tools.dev import embedded

from tests.kit import fixtures


async def judge(names: list[str]) -> runner.Verdicts:
    """Judge some cases, or all, and print what is found."""
    await fixtures.trade_durability_for_speed()
    async with fixtures.make_database("template0") as url:
        connection = await asyncpg.connect(url)
        try:
            return await judge_on(connection, names)
        finally:
            await connection.close()


async def judge_on(connection: asyncpg.Connection, names: list[str]) -> runner.Verdicts:
    cases = runner.list_cases()
    chosen = {name: cases[name] for name in names} or cases
    unusable = await runner.build(connection)
    found = await runner.judge(connection, chosen)
    verdicts = runner.compare(chosen, found, unusable)
    wrong = {*verdicts.missed, *verdicts.false_alarms, *verdicts.misleading}
    for name, case in chosen.items():
        if names or name in wrong:
            wanted = ", ".join(sorted(case.wants)) or "valid"
            text = case.query.sql if isinstance(case, Case) else getattr(case, "text", getattr(case, "sql", ""))
            print(f"\n{name} ({wanted})\n    {' '.join(text.split())}")
            for rule, text in found[name].items():
                print(f"    [{rule}] {text}")
    for name in unusable:
        print(f"\nschema/{name}.sql: the contract fails on it")
    print(f"\n{verdicts.describe()}")
    return verdicts


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m inside.tools.corpus", description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="corpus-") as folder:
        os.chmod(folder, 0o755)  # PostgreSQL runs as another user when this one is root
        with embedded.run_postgresql(Path(folder, "data"), count_statements=False) as url:
            os.environ[fixtures.SERVER] = url
            verdicts = asyncio.run(judge(arguments.names))
    if arguments.write:
        runner.KNOWN.write_text(verdicts.write(), "utf-8")


if __name__ == "__main__":
    main()
