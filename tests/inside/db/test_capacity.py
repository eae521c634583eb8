from pathlib import Path

import pytest
from service.kit.db.capacity import MIN_POOL_SIZE, check_capacity, choose_pool_size
from service.kit.db.errors import DatabaseError
from service.kit.db.sessions import DatabaseOptions
from service.kit.server.http_server import ServerOptions
from service.kit.server.settings import KitSettings
from service.kit.work import cores
from service.settings import Settings

from tests.kit.processes import run


@pytest.mark.parametrize(
    ("cores", "workers", "size"), [(1, 1, 4), (2, 1, 8), (2, 2, 4), (4, 4, 4), (4, 8, 2), (2, 16, 2), (64, 1, 16)]
)
def test_the_workers_share_four_connections_for_each_core(
    cores: int, workers: int, size: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("service.kit.db.capacity.count_cores", lambda: cores)
    assert choose_pool_size(workers) == size


@pytest.mark.parametrize(("quota", "number"), [("100000 100000", 1), ("max 100000", 64), ("50000 100000", 1), ("", 64)])
def test_the_quota_of_a_container_counts(quota: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda _: range(64), raising=False)
    (tmp_path / "cpu.max").write_text(quota)
    assert cores.count_cores(tmp_path / "cpu.max") == number
    assert cores.count_cores(tmp_path / "missing") == 64


def test_the_settings_hold_the_size_for_their_number_of_workers(settings: Settings):
    one, many = (KitSettings(database=settings.database, server=ServerOptions(workers=count)) for count in (1, 64))
    unset = DatabaseOptions(url=settings.database.url)
    assert KitSettings(database=unset).database.pool_size == choose_pool_size(1)
    assert KitSettings(database=unset, server=ServerOptions(workers=64)).database.pool_size == MIN_POOL_SIZE
    assert one.database.pool_size == many.database.pool_size, "what is set stays"


async def test_more_connections_than_the_server_has_places_for_are_refused_with_the_sum(settings: Settings):
    options = settings.database.model_copy(update={"pool_size": 40, "reserve": 5})
    await check_capacity(options, workers=2)
    with pytest.raises(DatabaseError) as caught:
        await check_capacity(options, workers=3)
    for part in ("3 workers", "40 connections", "5 for others", "make 125", "admits 97", "100 (max_connections)"):
        assert part in str(caught.value)


def test_the_service_does_not_start_with_more_connections_than_there_are_places(database_url: str, settings: Settings):
    result = run("serve", DATABASE_URL=database_url, DATABASE_POOL_SIZE="60", SERVER_WORKERS="2")
    assert result.returncode == 1
    assert f"make {130 + settings.count_beside()}" in result.stderr
    assert "Traceback" not in result.stderr
