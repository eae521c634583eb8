import sys
from pathlib import Path

import httpx2
import psutil
import pytest
from inside import blocked

from tests.kit.processes import ROOT, find_port, start, wait_until_live


def test_a_worker_whose_event_loop_is_blocked_is_replaced(database_url: str, tmp_path: Path):
    port = str(find_port())
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", blocked.__name__]
    settings = {"DATABASE_URL": database_url, "WATCHDOG_LAG": "0.2", "WATCHDOG_STUCK": "1", "PYTHONPATH": str(ROOT)}
    with start(cwd=tmp_path, command=command, SERVER_PORT=port, **settings) as process:
        wait_until_live(process, url)
        before = {child.pid for child in psutil.Process(process.pid).children()}
        with pytest.raises(httpx2.TransportError):
            httpx2.get(f"{url}{blocked.PATH}", timeout=30)
        wait_until_live(process, url)
        assert {child.pid for child in psutil.Process(process.pid).children()} - before
    assert "inside/blocked.py" in (tmp_path / "output").read_text()
