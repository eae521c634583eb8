"""The arithmetic beyond one machine: its queues agree with closed forms, and its limits with their parts."""

from math import factorial

import pytest

from tests.performance import costs, queueing, record, scale
from tests.performance.costs import Cost, Costs

MEASURED = Costs(
    read=Cost(worker=0.0004, database=0.0001),
    create=Cost(worker=0.001, database=0.0005),
    statement=0.00002,
    replay=0.00002,
    wal=4_000,
    enqueued=5_000,
    run=4_000,
)


@pytest.mark.parametrize(("servers", "utilisation"), [(1, 0.7), (4, 0.8), (16, 0.9)])
def test_erlang_c_is_the_sum_that_defines_it(servers, utilisation):
    load = servers * utilisation
    all_busy = load**servers / factorial(servers) / (1 - utilisation)
    some_free = sum(load**number / factorial(number) for number in range(servers))
    assert queueing.erlang_c(servers, utilisation) == pytest.approx(all_busy / (some_free + all_busy))


def test_erlang_c_does_not_overflow():
    assert queueing.erlang_c(2_000, 0.5) == pytest.approx(0, abs=1e-9)
    assert queueing.erlang_c(2_000, 0.9999) > 0.9


@pytest.mark.parametrize(("servers", "utilisation"), [(1, 0.5), (1, 0.8), (4, 0.7), (16, 0.9)])
def test_the_simulation_agrees_with_erlang_c(servers, utilisation):
    simulated = queueing.simulate(servers, utilisation, requests=300_000)
    assert simulated.mean == pytest.approx(queueing.find_mean_wait(servers, utilisation), rel=0.08)
    assert simulated.refused == 0


@pytest.mark.parametrize("variation", [0.25, 2.0])
def test_the_simulation_agrees_with_pollaczek_and_khinchine(variation):
    simulated = queueing.simulate(1, 0.6, variation=variation, requests=300_000)
    assert simulated.mean == pytest.approx(queueing.find_mean_wait(1, 0.6, variation), rel=0.08)


def test_a_bounded_queue_refuses_what_the_closed_form_says():
    """M/M/1/K with K = the one that is served and those that wait."""
    utilisation, room = 0.9, 4
    most = room + 1
    blocked = (1 - utilisation) * utilisation**most / (1 - utilisation ** (most + 1))
    assert queueing.simulate(1, utilisation, room=room).refused == pytest.approx(blocked, rel=0.05)


def test_the_same_arguments_give_the_same_waits():
    assert queueing.simulate(2, 0.5, requests=1_000) == queueing.simulate(2, 0.5, requests=1_000)


def test_a_mix_is_taken_apart_and_put_together_again():
    mixed = MEASURED.mix(0.05)
    assert costs.unmix(mixed, MEASURED.create, 0.05) == pytest.approx(MEASURED.read)
    assert MEASURED.mix(1) == MEASURED.create


def test_connections_are_those_that_the_page_on_production_adds_up():
    assert scale.count_connections(pods=6) == 67
    admitted = scale.count_admitted()
    assert scale.count_connections(admitted) <= 97 < scale.count_connections(admitted + 1)


def test_a_rate_takes_pods_at_the_planned_utilisation():
    assert scale.count_pods(1_750, creates=0, costs=MEASURED) == 1
    assert scale.count_pods(1_751, creates=0, costs=MEASURED) == 2
    assert scale.count_pods(700, creates=1, costs=MEASURED) == 1


def test_each_limit_is_full_where_its_part_is_as_busy_as_is_planned():
    full_at = {limit.name: limit.full_at for limit in scale.list_limits(0.5, MEASURED)}
    assert list(full_at.values()) == sorted(full_at.values())
    assert full_at["one PgBouncer"] * 2.5 * MEASURED.statement == pytest.approx(0.7)
    assert full_at["the primary"] * MEASURED.mix(0.5).database == pytest.approx(16 * 0.7)
    assert full_at["the queue"] * 0.5 == pytest.approx(5_000 * 0.7)
    assert full_at["WAL"] * 0.5 * 4_000 == pytest.approx(125e6 * 0.7)


def test_a_rate_names_what_is_full_by_then_and_what_follows():
    limits = scale.list_limits(0.05, MEASURED)
    rate = int(limits[2].full_at)
    row = scale.describe_rate(rate, 0.05, MEASURED)
    assert row[-2:] == [f"{limits[0].name}, {limits[1].name}", f"100 % of {limits[2].name}"]
    assert scale.describe_rate(10**9, 0.05, MEASURED)[-1] == ""


def test_the_record_is_what_the_other_records_make_now():
    kept = (record.FIGURES / "scale.txt").read_text()
    assert kept.partition("\n\n")[2].splitlines() == [*scale.draw(costs.read_costs())], "record scale again, at last"


def test_a_measurement_that_prints_something_else_is_named():
    with pytest.raises(ValueError, match="record that measurement anew"):
        costs.read_cost("a mix", "| nothing |")
