import subprocess
import sys
from pathlib import Path

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
