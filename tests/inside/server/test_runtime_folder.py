import subprocess
import sys
from pathlib import Path

import pytest
from service.kit.server.runtime_folder import open_runtime_folder

from tests.kit.processes import ROOT

HOLD = """
import sys
from pathlib import Path
from service.kit.server.runtime_folder import open_runtime_folder
with open_runtime_folder(Path(sys.argv[1])) as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_the_folder_of_a_killed_process_is_removed_by_the_next_and_that_of_a_running_one_stays(tmp_path: Path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        left = Path(other.stdout.readline().strip())
        with open_runtime_folder(tmp_path) as ours:
            assert {path.parent for path in tmp_path.glob("*/lock")} == {left, ours}
        other.kill()
    assert left.exists()
    with open_runtime_folder(tmp_path) as ours:
        assert list(tmp_path.iterdir()) == [ours]
    assert list(tmp_path.iterdir()) == []


OPEN = """
import sys
from pathlib import Path
from service.kit.server.runtime_folder import open_runtime_folder
with open_runtime_folder(Path(sys.argv[1])) as folder:
    assert (folder / "lock").exists()
"""

START_AMID = f"""
import subprocess, sys
others = [[sys.executable, "-c", {OPEN!r}, sys.argv[1]]]
def start_another(event, _):
    if event == "fcntl.flock" and others:
        subprocess.run(others.pop(), check=True)
sys.addaudithook(start_another)
{OPEN}"""
"""Another main process starts and ends just before this one holds the lock of its folder."""

END_AMID = """
import sys
from pathlib import Path
from service.kit.server.runtime_folder import open_runtime_folder
lock = Path(sys.argv[1], "service-that-ends/lock")
lock.parent.mkdir()
lock.touch()
def end(event, args):
    if event == "open" and str(args[0]) == str(lock):
        lock.unlink()
sys.addaudithook(end)
with open_runtime_folder(Path(sys.argv[1])):
    assert lock.parent.is_dir(), "the folder is removed by two"
lock.parent.rmdir()
"""
"""Another main process has removed the lock of its folder, and not the folder yet, just before this one opens it."""


@pytest.mark.parametrize("program", [START_AMID, END_AMID], ids=["starts", "ends"])
def test_another_that_starts_or_ends_amid_a_step_is_left_alone(tmp_path: Path, program: str):
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"it was not left alone: {done.stderr.splitlines()[-1]}"
    assert list(tmp_path.iterdir()) == []


OPEN_OFTEN = """
import sys
from pathlib import Path
from service.kit.server.runtime_folder import open_runtime_folder
for _ in range(1_000):
    with open_runtime_folder(Path(sys.argv[1])) as folder:
        assert (folder / "lock").exists()
"""


def test_processes_that_start_and_end_at_once_leave_each_other_alone(tmp_path: Path):
    command = [sys.executable, "-c", OPEN_OFTEN, str(tmp_path)]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert list(tmp_path.iterdir()) == []
