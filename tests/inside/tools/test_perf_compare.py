"""`service perf compare`: a tree against itself shows no difference, and a slower one is found."""

import os
import random
import shutil
import subprocess
import tomllib
from collections import defaultdict
from collections.abc import Collection
from functools import partial
from pathlib import Path

import msgspec
import psutil
import pytest
from inside import reports
from inside.tools.test_perf_faults import SCENARIO, plant, run_perf
from service_tools.pages import Page
from service_tools.perf import compare, ratios
from service_tools.perf.compare import RunRound
from service_tools.perf.ratios import Costs
from service_tools.perf.scenario import Scenario

from tests.kit import processes
from tests.kit.processes import ROOT

READ = msgspec.convert(tomllib.loads(SCENARIO), Scenario)
UP, DOWN = Costs(1.1, 330.0, 300.0), Costs(0.97, 291.0, 300.0)
"""Rounds in which this tree costs more, and less."""

type Found = defaultdict[tuple[str, int], float]
"""Verdicts, each with the number of rounds: how often they came."""


def run_rounds(run: RunRound, *names: str, max_rounds: int = 16) -> dict[str, list[Costs]]:
    """Return the rounds that the command would take of some scenarios."""
    done = defaultdict[str, list[Costs]](list)
    compare.run_rounds(run, dict.fromkeys(names, READ), max_rounds, done)
    return done


def simulate(factor: float, noise: float) -> Found:
    """Compare 100 times on a noisy machine: each start of a service is off by `noise`."""
    found: Found = defaultdict(float)
    for seed in range(100):
        draw = partial(random.Random(seed).lognormvariate, 0, noise)
        done = run_rounds(lambda _, draw=draw: {"orders": Costs(factor * draw() / draw(), 1, 1)}, "orders")
        found[ratios.judge_rounds("orders", done["orders"]).verdict, len(done["orders"])] += 1
    return found


def flip(max_rounds: int) -> Found:
    """Return the chances of each verdict on equal trees: a round goes up or down as a coin falls."""
    chances, found = {0: 1.0}, defaultdict[tuple[str, int], float](float)  # by how many rounds went up
    for number in range(1, max_rounds + 1):
        fallen = {ups: (chances.get(ups, 0) + chances.get(ups - 1, 0)) / 2 for ups in range(number + 1)}
        chances = {}
        for ups, chance in fallen.items():
            rounds = [*ups * [UP], *(number - ups) * [DOWN]]
            if ratios.is_decided(rounds, max_rounds):
                found[ratios.judge_rounds("orders", rounds).verdict, number] += chance
            else:
                chances[ups] = chance
    return found


def count(found: Found, verdict: str) -> float:
    return sum(times for (said, _), times in found.items() if said == verdict)


@pytest.mark.parametrize("noise", [0.04, 0.07])
def test_a_tree_against_itself_shows_no_difference_and_a_fifth_more_is_found(noise: float):
    same = simulate(1, noise)
    assert count(same, "no difference") >= 98
    assert same["no difference", 8] >= 70
    assert count(simulate(1.2, noise), "slower") >= 95
    assert count(simulate(1 / 1.2, noise), "faster") >= 95


@pytest.mark.parametrize("max_rounds", [8, 16, 44, 50])
def test_chance_tells_equal_trees_apart_in_less_than_2_of_100_runs(max_rounds: int):
    found = flip(max_rounds)
    assert sum(found.values()) == pytest.approx(1)
    assert 0.005 < 1 - count(found, "no difference") < 0.02
    assert found["no difference", 8] == pytest.approx({8: 0.99, 16: 0.71}.get(max_rounds, 0), abs=0.01)


def test_it_ends_when_the_first_8_agree_or_no_further_round_could_change_the_verdict():
    assert not ratios.is_decided([UP] * 7, 16)
    assert ratios.is_decided([UP] * 8, 16)
    assert ratios.is_decided([DOWN] * 8, 16)
    assert not ratios.is_decided([*[UP] * 6, *[DOWN] * 2], 16)
    assert ratios.is_decided([*[UP] * 5, *[DOWN] * 3], 16)
    assert not ratios.is_decided([DOWN, *[UP] * 13], 16)
    assert ratios.is_decided([DOWN, *[UP] * 14], 16)
    assert ratios.is_decided([DOWN, *[UP] * 7], 8)


def test_a_scenario_that_is_decided_takes_no_more_turns(capsys: pytest.CaptureFixture[str]):
    asked, mixed = list[list[str]](), iter([*[UP] * 7, *[DOWN] * 3])

    def run(left: Collection[str]) -> dict[str, Costs]:
        asked.append([*left])
        return {name: UP if name == "accounts" else next(mixed) for name in left}

    done = run_rounds(run, "accounts", "orders")
    assert asked == [*[["accounts", "orders"]] * 8, ["orders"], ["orders"]]
    assert done == {"accounts": [UP] * 8, "orders": [*[UP] * 7, *[DOWN] * 3]}
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "accounts: 1 of at most 16 rounds are done."
    assert "accounts: 8 of at most 16 rounds are done. That decides it: enough agree." in said
    assert said[-1] == "orders: 10 of at most 16 rounds are done. That decides it: too few agree."


@pytest.mark.parametrize("finished", [0, 2])
def test_ctrl_c_keeps_the_rounds_that_were_finished(finished: int):
    rounds, done = iter([{"orders": UP}] * finished), defaultdict[str, list[Costs]](list)

    def run(_: object) -> dict[str, Costs]:
        if found := next(rounds, None):
            return found
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare.run_rounds(run, {"orders": READ}, 16, done)
    assert done == ({"orders": [UP] * finished} if finished else {})


def test_few_rounds_tell_nothing_and_more_may_have_an_exception():
    assert ratios.judge_rounds("orders", [UP] * 7).verdict == "not known: fewer than 8 rounds"
    assert ratios.judge_rounds("orders", [UP] * 8).verdict == "slower"
    assert ratios.judge_rounds("orders", [DOWN, *[UP] * 7]).verdict == "no difference"
    assert ratios.judge_rounds("orders", [DOWN, *[UP] * 11]).verdict == "slower"


def test_no_difference_says_what_it_does_not_exclude():
    rounds = [Costs(ratio, 100 * ratio, 100) for ratio in (0.92, 0.95, 0.98, 1.0, 1.01, 1.02, 1.06, 1.13)]
    said = ratios.judge_rounds("orders", rounds).explain()
    assert said == (
        "orders: no difference was found, but a slowdown of up to 13.0% is not excluded, nor a gain of up to 8.0%."
    )
    assert ratios.judge_rounds("orders", [UP] * 8).explain().startswith("orders: slower by 10.0%; the ratio is ")
    assert ratios.judge_rounds("orders", [UP] * 7).explain() == "orders: not known: fewer than 8 rounds."


def test_the_rounds_are_plotted_and_in_the_json_and_the_next_comparison_shows_the_earlier_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        page = Page("compare", "Compared with main")
        found = [ratios.judge_rounds("orders", [Costs(1.1 * number, 330.0, 300.0)] * 8)]
        compare.show_ratios(found, "main", page)
        compare.show_history(page)
        page.finish(found)
    said = capsys.readouterr().out
    assert said.count("Compared with main") == 1
    assert "1.100" in said.rpartition("Compared with main")[2]
    assert reports.read_page(tmp_path, "compare").count('class="dot"') == 8
    (result,) = reports.read_document(tmp_path, "compare")["results"]
    assert result["costs"] == [[2.2, 330.0, 300.0]] * 8


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a folder with the service, committed."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
    (tmp_path / "perf/scenarios").mkdir(parents=True)
    (tmp_path / "perf/scenarios/orders.toml").write_text(SCENARIO)
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "One"]):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *command], cwd=tmp_path, check=True)
    return tmp_path


def make_variables(repository: Path, url: str) -> dict[str, str]:
    """Return variables that let the service of a folder be measured on a database."""
    path = os.pathsep.join([str(repository / "src"), str(ROOT / "src")])
    return {"PYTHONPATH": path, "DATABASE_URL": url, "MIGRATIONS_FOLDER": "migrations"}


@pytest.mark.faults
def test_another_commit_is_checked_out_and_a_slower_tree_fails_a_check(repository: Path, database_url: str):
    plant(repository, "    sum(range(4_000))")  # a fifth
    options = ["HEAD", "--rows", "200", "--requests", "50", "--rounds", "24", "--check"]
    done = run_perf(repository, "compare", *options, **make_variables(repository, database_url))
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[1].split()[:2] == ["orders", "slower"], done.stderr
    assert len(reports.read_document(repository, "compare")["results"][0]["costs"]) >= 8
    report = reports.read_page(repository, "compare")
    assert "slower" in report
    assert "Bearer" not in report


@pytest.mark.faults
def test_a_comparison_that_is_terminated_leaves_no_process_and_no_file(repository: Path, database_url: str):
    temporary = repository / "temporary"
    temporary.mkdir()
    variables = make_variables(repository, database_url) | {"TMPDIR": str(temporary)}
    line = [*processes.COMMAND, "perf", "compare", "HEAD", "--rows", "200"]
    env = processes.make_environment(variables)
    with subprocess.Popen(line, cwd=repository, env=env, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        assert next((line for line in process.stderr if line.startswith("orders: 1 of at most 16 rounds")), None)
        started = psutil.Process(process.pid).children(recursive=True)
        assert [*temporary.iterdir()]
        process.terminate()
        assert process.wait(60) == 143
    assert psutil.wait_procs(started, 10)[1] == []
    assert [*temporary.iterdir()] == []


def test_an_unknown_commit_is_said(repository: Path, database_url: str):
    done = run_perf(repository, "compare", "nothing", DATABASE_URL=database_url)
    assert done.returncode == 1
    assert "git: not a valid object name: nothing (in CI, fetch the whole history)." in done.stderr
    assert "Traceback" not in done.stderr
