"""Where the tests put their files: in memory, if there is enough of it.

They make files by the thousand, and ext4 takes 25 times as long for each: two of five minutes of
processor time were spent in the kernel.
"""

import os
import re
import shutil
import tempfile
from pathlib import Path

FOLDER = Path("/dev/shm")  # on Linux

NEEDED_BYTES = 18 * 2**30
"""What has to be free: the files had up to 12 GB while each venv was a copy, and the rest is for what runs."""


PACKAGES = FOLDER / f"template-test-packages-{os.getuid()}"
"""The cache of uv, which stays there for the next run. A venv is made of links to its files: 280 MB less."""


def choose_folder() -> None:
    """Let this process and those that it starts put their files into memory, unless TMPDIR says where."""
    if "TMPDIR" not in os.environ and has_room():
        os.environ["TMPDIR"] = tempfile.tempdir = str(FOLDER)
        os.environ.setdefault("UV_CACHE_DIR", str(PACKAGES))


def has_room() -> bool:
    meminfo = Path("/proc/meminfo")
    if not FOLDER.is_dir() or not meminfo.exists():
        return False
    kilobytes = re.findall(r"^MemAvailable: +(\d+) kB$", meminfo.read_text(), re.MULTILINE)
    available = min(int(kilobytes[0]) * 1024, shutil.disk_usage(FOLDER).free)
    return available > NEEDED_BYTES
