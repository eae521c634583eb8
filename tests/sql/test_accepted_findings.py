"""What an update finds in the statements of a service: told, accepted by one command, and listed by the doctor."""

import json
import re
import shutil

import pytest

from tests.harness import service, shell

OLD = """
by_note = Query(
    "select id from orders where account = $1 and note = $2 order by created_at desc, id desc limit 20",
    UUID,
    tuple[str, str],
)
newest_of_all = Query("select id from orders order by created_at desc, id desc limit 20", UUID)
"""
NEW = """
by_password = Query("select id from accounts where password_hash = $1 order by id limit 20", UUID, tuple[str])
"""
RUN = ("uv", "run", "--quiet")
ACCEPT = (*RUN, "service", "plans", "--accept")
DOCTOR = (*RUN, "service", "doctor", "--json")
CONTRACT = (*RUN, "pytest", "-q", "-n0", "tests/kit/test_contract.py", "-k", "keeps")


def add(folder, slice_name, statements):
    """Add statements to a slice, and return its file."""
    path = folder / "src/service" / slice_name / "queries.py"
    path.write_text(path.read_text() + statements)
    return path.relative_to(folder)


@pytest.fixture
def updated(folder):
    """A service with an older statement of each kind, after an update, and with a new one in another slice."""
    shell.run("git", "init", "--quiet", cwd=folder)
    add(folder, "orders", OLD)
    service.save(folder)
    answers = folder / ".copier-answers.yml"
    answers.write_text(re.sub("^_commit: .*", "_commit: v9999.1.0", answers.read_text(), flags=re.MULTILINE))
    service.save(folder)
    add(folder, "accounts", NEW)
    yield folder
    shutil.rmtree(folder / ".git")


@pytest.mark.slow
def test_what_an_update_finds_is_told_then_accepted_and_nothing_new_with_it(updated):
    code, output = shell.attempt(*CONTRACT, cwd=updated)
    assert code == 1, output
    assert "newest_of_all [scope]" in output
    assert "by_password [filter]" in output
    assert "by_note" not in output, "what an update finds fails no test"

    code, output = shell.attempt(*ACCEPT, cwd=updated)
    assert code == 1
    left = re.findall(r"^Not accepted: src/service/(\w+)/queries.py:\d+ (\w+) .(\w+). ", output, re.MULTILINE)
    assert ("orders", "newest_of_all", "scope") in left
    assert ("accounts", "by_password", "filter") in left
    [told] = re.findall(r"^Accepted in perf/accepted.json: (.*)$", output, re.MULTILINE)
    assert "orders.by_note [filter]" in told
    assert not re.search("scope|by_password", told)
    found = json.loads(shell.attempt(*DOCTOR, cwd=updated)[1])["results"]
    [accepted] = [it["says"] for it in found if it["check"] == "contract"]
    assert accepted.startswith("Accepted findings of the SQL contract: ")
    assert "orders.by_note [filter]" in accepted
    assert not re.search("scope|by_password", accepted)
