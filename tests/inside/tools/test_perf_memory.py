"""What grows with the requests is told from caches, from requests that wait, and from what was there before."""

import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple, Self

import pytest
from service_tools.perf.allocations import PARTS, Use, read_notes, read_recording

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


class AllocatorType(Enum):
    MALLOC = 1
    FREE = 2
    PYMALLOC_FREE = 3
    MMAP = 4
    MUNMAP = 5


class FileReader(NamedTuple):
    """A recording of 600 requests, each of which allocates some objects and keeps the first."""

    objects: int

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def metadata(self) -> SimpleNamespace:
        return SimpleNamespace(total_allocations=600 * (2 * self.objects - 1))

    def get_allocation_records(self) -> Iterator[SimpleNamespace]:
        for number in range(600):
            addresses = range(number * 1000, number * 1000 + self.objects)
            for address in addresses:
                yield SimpleNamespace(
                    allocator=AllocatorType.MALLOC, address=address, size=64, stack_id=1, stack_trace=lambda: [FRAME]
                )
            for address in addresses[1:]:
                yield SimpleNamespace(allocator=AllocatorType.FREE, address=address)


@pytest.mark.parametrize(("objects", "grows"), [(2, True), (10, True), (200, False)])
def test_a_stack_that_keeps_one_of_many_objects_is_a_free_list(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, objects: int, grows: bool
):
    memray = SimpleNamespace(AllocatorType=AllocatorType, FileReader=lambda _: FileReader(objects))
    monkeypatch.setitem(sys.modules, "memray", memray)  # the service does not have it
    path = tmp_path / "recording"
    path.touch()
    uses, found = read_recording(path)
    assert uses["/x/src/service/orders/http.py:7 read_order"].is_growing() is grows
    assert found.total() == 600 * objects * 64
    assert not path.exists(), "it may be large"
