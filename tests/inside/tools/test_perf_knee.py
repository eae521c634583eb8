"""The search for the rate that a service carries, and what it says was full there."""

import random
from collections.abc import Callable

import pytest
from inside.tools.test_perf_report import make_sample
from service_tools.perf import limits, load
from service_tools.perf.load import Ramp
from service_tools.perf.report import Report, count_statuses, find_percentile, find_tail, summarise
from service_tools.perf.usage import Usage

KNEE = 1000.0


def make_stage(rate: float, tail_ms: float = 20, wrong: int = 0, limit: str = "cpu") -> Report:
    total = summarise("all", [make_sample(5)] * 500 + [make_sample(5, 503)] * wrong, 1, 0.1)
    return Report("orders", "", rate, [total], 0, Usage(), [], tail_ms, limit, f"It was {limit}.")


def search(send: Callable[[float], Report], start: float = 100) -> Ramp:
    stages: list[Report] = []
    load.search_knee(send, start, stages)
    return load.conclude_ramp("orders", stages)


def simulate(seed: int) -> Ramp:
    """Search on a busy machine: each rate meets a knee that is off by a tenth, and one of ten a stall."""
    draw = random.Random(seed)

    def send(rate: float) -> Report:
        late = rate > KNEE * draw.lognormvariate(0, 0.1) or draw.random() < 0.1
        return make_stage(rate, 500 if late else 20)

    return search(send)


@pytest.mark.parametrize("start", [1, 100, 900])
def test_the_rate_rises_until_it_is_not_carried_whatever_was_reached_before(start: float):
    ramp = search(lambda rate: make_stage(rate, 20 if rate <= KNEE else 500), start)
    assert ramp.low <= KNEE < (ramp.high or 0)
    assert (ramp.high or 0) / ramp.low < 1.25
    assert len(ramp.stages) <= 26


def test_on_a_busy_machine_the_intervals_of_repeated_searches_have_the_knee():
    ramps = [simulate(seed) for seed in range(200)]
    near = [ramp for ramp in ramps if 0.8 * KNEE <= ramp.knee <= 1.2 * KNEE]
    assert len(near) >= 180
    within = [ramp for ramp in ramps if ramp.low <= KNEE <= (ramp.high or 0)]
    assert len(within) >= 190
    assert sum(len(ramp.stages) for ramp in ramps) / len(ramps) < 20


def test_single_errors_are_tolerated_and_many_are_not():
    assert load.is_carried(make_stage(100, wrong=2), [make_stage(100)])
    assert not load.is_carried(make_stage(100, wrong=3), [make_stage(100)])
    tail = find_tail([make_sample(5)] * 100 + [make_sample(900)] * 2)
    assert tail == pytest.approx(5)
    assert find_tail([make_sample(5)] * 100 + [make_sample(900)] * 3) == pytest.approx(900)


def test_a_service_that_carries_everything_or_nothing_is_said_to():
    assert "the highest rate that was sent" in load.explain_ramp(load.conclude_ramp("orders", [make_stage(100)]))
    nothing = load.conclude_ramp("orders", [make_stage(100, wrong=400)])
    assert load.explain_ramp(nothing) == "not even 100 requests a second were answered as expected."


def test_a_search_that_was_cut_short_is_between_what_was_carried_and_what_was_not():
    stages = [make_stage(100), make_stage(200), make_stage(400), make_stage(800, 900)]
    ramp = load.conclude_ramp("orders", stages, is_cut_short=True)
    assert (ramp.knee, ramp.low, ramp.high) == (400, 400, 800)
    rising = load.conclude_ramp("orders", stages[:3], is_cut_short=True)
    assert (rising.knee, rising.high) == (400, None)


def test_the_limit_is_that_of_the_rates_that_were_not_carried():
    stages = [make_stage(100, limit="nothing"), make_stage(110, 900, limit="pool"), make_stage(100, limit="cpu")]
    ramp = load.conclude_ramp("orders", stages)
    assert (ramp.limit, ramp.reason) == ("pool", "It was pool.")
    assert (ramp.low, ramp.high) == (100, 110)


@pytest.mark.parametrize(
    ("usage", "pool_share", "limit"),
    [
        (Usage(), 0, "unknown"),
        (Usage(ran=0.97, starved=0.02), 0, "cpu"),
        (Usage(ran=0.4, starved=0.55), 0, "machine"),
        (Usage(ran=0.1, starved=0.0, pool_size=8, sessions={"lock": 7, "transaction": 1}), 0, "lock"),
        (Usage(ran=0.1, starved=0.0, pool_size=8, sessions={"statement": 7.5}), 0, "database"),
        (Usage(ran=0.1, starved=0.0, pool_size=8, sessions={"statement": 1, "transaction": 6}), 0, "transaction"),
        (Usage(ran=0.1, starved=0.0, pool_size=1, pool_waiting=9), 0.6, "pool"),
        (Usage(ran=0.1, starved=0.0, pool_size=1, pool_waiting=9, sessions={"statement": 1}), 0.6, "pool"),
        (Usage(ran=0.1, starved=0.0, pool_size=8, pool_waiting=1), 0.06, "waiting"),
        (Usage(ran=0.1, starved=0.3, lag_p99_ms=250), 0.06, "machine"),
        (Usage(ran=0.1, starved=0.0, lag_p99_ms=250), 0.06, "blocking"),
        (Usage(ran=0.1, starved=0.0, refused={"admission": 40}), 0.06, "waiting"),
    ],
)
def test_what_limits_is_found_by_what_is_full(
    usage: Usage, pool_share: float, limit: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "CORES", 2)
    name, reason = limits.find_limit(usage, pool_share, 300)
    assert name == limit
    assert reason.endswith(".")


def test_where_nothing_waits_nothing_limits():
    assert limits.find_limit(Usage(ran=0.2, starved=0.1), 0.06, 20)[0] == "nothing"


def test_a_percentile_of_few_requests_is_left_out():
    times = [float(number) for number in range(500)]
    assert find_percentile(times, 0.99) == 494
    assert find_percentile(times[:499], 0.99) is None
    assert find_percentile(times[:10], 0.5) == 4
    assert find_percentile(times[:9], 0.5) is None


def test_answers_are_counted_by_status_for_each_second():
    samples = [make_sample(1)._replace(due=100 + number / 4) for number in range(6)]
    samples.append(make_sample(1, 503)._replace(due=102.1))
    assert count_statuses(samples) == [{"200": 4}, {"200": 2}, {"503": 1}]
    assert count_statuses([]) == []
