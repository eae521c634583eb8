"""What CHANGELOG.md asks of whoever runs an older release is a script: each block runs as it stands.

`docker`, `kubectl` and the scripts of deploy/ are stubs, which write down how they are called.
"""

import json
import os
import re
import textwrap

import pytest

from tests.harness import shell
from tests.harness.snapshot import ROOT

BLOCK = re.compile(r"```bash\n(.*?)```", re.DOTALL)

STUB = """#!/bin/sh
echo "$(basename "$0") $*" >>"$CALLS"
case "$*" in
    *"get secret service"*) echo '{"metadata": {"namespace": "n", "uid": "1"}, "data": {"A": "Yg=="}}' ;;
    "apply --filename -") cat >"$CALLS.applied" ;;
    *pg_dump*) echo dump ;;
esac
"""


@pytest.fixture
def run(tmp_path):
    """Run the block of a section of the changelog among stubs, and return the calls."""

    def run_block(section, *scripts):
        text = (ROOT / "CHANGELOG.md").read_text().partition(f"### By hand, for {section}\n")[2].partition("\n### ")[0]
        (block,) = BLOCK.findall(textwrap.dedent(text.replace("\n  ", "\n")))
        for name in ("bin/docker", "bin/kubectl", *scripts):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(STUB)
            path.chmod(0o755)
        search = os.pathsep.join([str(tmp_path / "bin"), shell.environment()["PATH"]])
        (tmp_path / "deploy").mkdir(exist_ok=True)
        (tmp_path / "script").write_text(block)
        shell.run("bash", "-eu", tmp_path / "script", cwd=tmp_path, PATH=search, CALLS=str(tmp_path / "calls"))
        return (tmp_path / "calls").read_text().splitlines()

    return run_block


def test_a_service_moves_to_names_of_its_own_in_a_namespace(run, tmp_path):
    calls = run("Kubernetes", "deploy/kubernetes/release.sh")
    secret = json.loads((tmp_path / "calls.applied").read_text())
    assert secret == {"metadata": {"name": "my-service-secrets", "namespace": "n"}, "data": {"A": "Yg=="}}
    released = calls.index("release.sh deploy/kubernetes/overlays/production")
    assert calls.index("kubectl apply --filename -") < released
    assert "delete deployment/web" in calls[-1], "the old pods go last"


def test_one_host_keeps_its_rows(run, tmp_path):
    (tmp_path / "deploy/backups").mkdir(parents=True)
    calls = run("one host", "deploy/secrets.sh", "deploy/release.sh")
    dumped, stopped, secrets, released, restored = (
        next(number for number, call in enumerate(calls) if words in call)
        for words in ("pg_dump", "compose.yaml down", "secrets.sh", "release.sh", "restore.sh")
    )
    assert dumped < stopped < secrets < released < restored
    assert "--volumes" not in calls[stopped]
    assert (tmp_path / "deploy/backups/before-v3.dump").read_text() == "dump\n"
    assert calls[-2:] == ["docker compose run --rm migrate", "docker compose start web-a web-b worker"]
