"""What grows with the requests is told from caches, from requests that wait, and from what was there before."""

import sys
from collections import Counter
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple, Self

import psutil
import pytest
from service_tools.perf import memory
from service_tools.perf.allocations import PARTS, Use, Uses, read_notes
from service_tools.perf.flame import Stack
from service_tools.perf.workers import WorkerProcess

FRAME = ("read_order", "/x/src/service/orders/http.py", 7)


@pytest.mark.parametrize(
    ("objects", "grows"),
    [
        ([50, 48, 51, 50, 49, 52], True),
        ([300, 40, 12, 11, 10, 10], False),
        ([0, 0, 0, 0, 0, 400], False),
        ([19, 31, 39, 44, 101, 187], False),
        ([3, 4, 3, 4, 3, 4], False),
    ],
    ids=["each request", "a cache that fills", "requests that wait", "a cache of the latest", "hardly any"],
)
def test_what_grows_comes_evenly(objects: list[int], grows: bool):
    use = Use(objects=objects, kept=[count * 100 for count in objects])
    assert use.is_growing() is grows


def test_notes_tell_what_each_part_of_the_time_added():
    stack = ["/x/src/service/kit/web/app.py:1", "/x/src/service/orders/http.py:7"]
    held = [{"stack": stack, "bytes": [*range(0, 700, 100)], "objects": [*range(0, 140, 20)]}]
    uses, found = read_notes([*held, *held])
    use = uses["/x/src/service/orders/http.py:7"]
    assert use.kept == [200] * PARTS
    assert use.objects == [40] * PARTS
    assert use.is_growing()
    assert found == {tuple(stack): 1200}


@pytest.mark.parametrize(("notes", "grows"), [(1, False), (2, False), (3, True)])
def test_notes_that_were_cut_short_tell_what_grew_until_then(notes: int, grows: bool):
    held = {"stack": ["/x/src/service/orders/http.py:7"], "bytes": [0, 900, 1800], "objects": [0, 20, 40]}
    cut = {"stack": held["stack"], "bytes": held["bytes"][:notes], "objects": held["objects"][:notes]}
    (use,) = read_notes([cut])[0].values()
    assert use.is_growing() is grows


class AllocatorType(Enum):
    MALLOC = 1
    FREE = 2
    PYMALLOC_FREE = 3
    MMAP = 4
    MUNMAP = 5


def allocate(address: int) -> SimpleNamespace:
    return SimpleNamespace(
        allocator=AllocatorType.MALLOC, address=address, size=64, stack_id=1, stack_trace=lambda: [FRAME]
    )


def free(address: int) -> SimpleNamespace:
    return SimpleNamespace(allocator=AllocatorType.FREE, address=address)


def keep_one(objects: int) -> list[SimpleNamespace]:
    """600 requests, each of which allocates some objects and keeps the first."""
    records = []
    for number in range(600):
        first = number * 1000
        addresses = range(first, first + objects)
        records += [allocate(address) for address in addresses]
        records += [free(address) for address in addresses[1:]]
    return records


def keep_as_many() -> list[SimpleNamespace]:
    """600 requests, each of which replaces one of 120 objects: those at the bottom of the list stay."""
    records = [allocate(number) for number in range(120)]
    for number in range(600):
        address = 20 + number // 6
        records += [free(address), allocate(address)]
    return records


class FileReader(NamedTuple):
    records: list[SimpleNamespace]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def metadata(self) -> SimpleNamespace:
        return SimpleNamespace(total_allocations=len(self.records))

    def get_allocation_records(self) -> Iterator[SimpleNamespace]:
        return iter(self.records)


def read_uses(monkeypatch: pytest.MonkeyPatch, path: Path) -> tuple[Uses, Counter[Stack]]:
    """Read the recording of a worker that has another root, and so another path for it."""
    monkeypatch.setattr(memory, "provide_memray", lambda: None)
    worker = WorkerProcess(psutil.Process(), path.with_name("console-7"))
    return memory.read_uses(worker, f"/elsewhere/{path.name}", [])


@pytest.mark.parametrize(
    ("records", "grows"),
    [(keep_one(2), True), (keep_one(200), True), (keep_as_many(), False)],
    ids=["one of two objects", "one of many", "a free list"],
)
def test_what_a_free_list_keeps_is_no_growth(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, records: list[SimpleNamespace], grows: bool
):
    memray = SimpleNamespace(AllocatorType=AllocatorType, FileReader=lambda _: FileReader(records))
    monkeypatch.setitem(sys.modules, "memray", memray)  # the service does not have it
    path = tmp_path / "allocations-7"
    path.touch()
    uses, found = read_uses(monkeypatch, path)
    assert uses["/x/src/service/orders/http.py:7 read_order"].is_growing() is grows
    assert found.total() == 64 * sum(record.allocator is AllocatorType.MALLOC for record in records)
    assert not path.exists(), "it may be large"


def test_a_recording_that_cannot_be_read_is_deleted_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setitem(sys.modules, "memray", SimpleNamespace(AllocatorType={}, FileReader=None))
    path = tmp_path / "allocations-7"
    path.touch()
    with pytest.raises(KeyError):
        read_uses(monkeypatch, path)
    assert not path.exists()
