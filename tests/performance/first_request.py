"""How long a newcomer waits: `uv run python -m tests.performance.first_request`.

Runs `python3 run.py try` from a clone, in an empty home without uv: first with nothing in the package cache, then again
with the cache that this left. The clock stops when the service answers a request for orders with 200.
"""

import argparse
import os
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.harness import shell, snapshot
from tests.performance import rendered

PORT = "8766"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--warm-only", action="store_true", help="once, with the package cache of whoever runs this")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="measure-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user when this one is root
        clone = snapshot.take(folder / "clone")
        packages = Path(shell.run("uv", "cache", "dir", cwd=folder).strip()) if options.warm_only else folder / "cache"
        for cache in ("cold", "warm")[options.warm_only :]:
            home = folder / cache
            home.mkdir(mode=0o755)
            total, after_rendering = time_first_answer(clone, home, packages)
            print(
                f"{cache} package cache: {total:.1f} s in all, {after_rendering:.1f} s of them after rendering",
                flush=True,
            )


def time_first_answer(clone: Path, home: Path, cache: Path) -> tuple[float, float]:
    """Return the seconds from the command, and from the end of rendering, until a request is answered."""
    environment = shell.environment(HOME=str(home), UV_CACHE_DIR=str(cache), PIP_NO_CACHE_DIR="1")
    folders = environment["PATH"].split(os.pathsep)
    environment["PATH"] = os.pathsep.join(folder for folder in folders if not Path(folder, "uv").exists())
    target = home / "my-service"
    command = ["python3", "run.py", "try", "--into", str(target), "--port", PORT]
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=clone, env=environment, stdout=subprocess.DEVNULL, process_group=0)
    try:
        after = wait_for(lambda: (target / ".copier-answers.yml").exists(), process)
        answered = wait_for(partial(answers, target), process)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(30)
    return answered - began, answered - after


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> float:
    """Return the time at which a condition holds."""
    while not condition():
        if process.poll() is not None:
            raise SystemExit(f"the command ended early, with {process.returncode}")
        time.sleep(0.02)
    return time.monotonic()


def answers(folder: Path) -> bool:
    """Return whether the service answers a request for rows, with a token as the command that it prints has one."""
    if not (folder / ".signing-key").exists():
        return False
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}/v1/orders", headers=rendered.sign_in(folder))
    try:
        with urllib.request.urlopen(request, timeout=1) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    main()
