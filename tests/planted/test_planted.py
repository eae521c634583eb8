"""The tests notice each planted fault, in a rendered service or in the template, and say what is broken."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

import pytest

from tests import planted
from tests.planted import TEMPLATE, Fault, bench
from tests.planted.bench import Bench, Outcome

FAULTS = planted.read()
AT_ONCE = min(4, os.cpu_count() or 1)

type Try = Callable[[Fault], Outcome]


@pytest.fixture(scope="module")
def outcomes(request, template, workshop):
    """What becomes of each fault that is to be tried: as many at once as there are cores."""
    faults = [item.callspec.params["fault"] for item in request.session.items if "outcomes" in item.fixturenames]
    idle: dict[bool, SimpleQueue[Bench]] = {True: SimpleQueue(), False: SimpleQueue()}

    def work(fault: Fault) -> Outcome:
        benches = idle[fault.table == TEMPLATE]
        free = benches.get()
        try:
            return free.attempt(fault)
        finally:
            benches.put(free)

    with bench.open_services(template, workshop / "services", AT_ONCE) as services:
        for each in services:
            idle[False].put(each)
        for number in range(AT_ONCE):
            idle[True].put(bench.copy_template(workshop / f"template-{number}"))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            begun: dict[str, Future[Outcome]] = {fault.label: pool.submit(work, fault) for fault in faults}
            yield begun
            pool.shutdown(cancel_futures=True)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.label)
def test_a_planted_fault_is_noticed(fault, outcomes):
    outcome = outcomes[fault.label].result()
    assert outcome.code == 1, f"{fault.breaks}: {fault.test} did not fail, but ended with\n{outcome.output}"
    assert fault.says in outcome.told, f"{fault.breaks}: {fault.test} failed without {fault.says!r}\n{outcome.told}"


def test_a_fault_is_planted_where_its_text_stands(render, tmp_path):
    released = bench.copy_template(tmp_path / "template").folder
    for fault in FAULTS:
        folder = released if fault.table == TEMPLATE else render()
        before = (folder / fault.file).read_text()
        assert planted.spoil(fault, folder) != before, fault.label


def test_every_promise_is_broken_once():
    assert len(FAULTS) >= 30
    assert len({(fault.file, fault.text, fault.instead) for fault in FAULTS}) == len(FAULTS)


def test_the_page_lists_what_is_planted():
    page = planted.PAGE.read_text()
    assert page == planted.write_page(page, FAULTS), "renew it by `uv run python -m tests.planted`"
