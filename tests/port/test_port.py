"""What is edited in a render comes back into the template, and where Jinja is in the way, that is said by line."""

import shutil
import sys

import pytest

from tests import port
from tests.harness import service, shell
from tests.harness.snapshot import CURRENT


@pytest.fixture
def root(template, tmp_path):
    """A clone of the template, which may be changed."""
    shell.run("git", "clone", "--quiet", template, "root", cwd=tmp_path)
    shell.run("git", "checkout", "--quiet", "--detach", CURRENT, cwd=tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture
def scratch(render, tmp_path):
    """A render that is no repository, with files that git ignores."""
    folder = shutil.copytree(render(jobs=False, project_name="scratch"), tmp_path / "scratch")
    for name in (".venv/bin/python", "perf/reports/it.html", "uv.lock", "src/service/__pycache__/x.pyc"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("ignored\n")
    return folder


def test_a_render_that_nobody_edited_changes_nothing(root, scratch):
    assert list(port.port(scratch, root)) == []
    assert service.changes(root) == ""


def test_edits_new_files_and_deletions_come_back(root, scratch):
    pool = scratch / "src/service/kit/db/pool.py"
    pool.write_text(pool.read_text() + "# edited\n")
    service.replace(scratch / "pyproject.toml", ('    "asyncpg>=0.31,<0.33",\n', '    "asyncpg>=0.32,<0.33",\n'))
    (scratch / "src/service/kit/db/new.py").write_text("# new\n")
    (scratch / "src/service/kit/edge/health.py").unlink()
    changed = dict(port.port(scratch, root))
    assert changed == {
        "template/pyproject.toml.jinja": [],
        "template/src/service/kit/db/new.py": [],
        "template/src/service/kit/db/pool.py": [],
        "template/src/service/kit/edge/health.py": [],
    }
    assert (root / "template/src/service/kit/db/pool.py").read_bytes() == pool.read_bytes()
    project = (root / "template/pyproject.toml.jinja").read_text()
    assert 'name = "{{ project_name }}"' in project
    assert '"asyncpg>=0.32,<0.33"' in project
    assert '"pgqueuer' in project  # which this render does not have
    assert len(service.changes(root).splitlines()) == 4


def test_what_the_template_changed_meanwhile_stays(root, scratch):
    pool = "src/service/kit/db/pool.py"
    (scratch / pool).write_text((scratch / pool).read_text() + "# edited\n")
    meant = root / "template" / pool
    meant.write_text("# meanwhile\n" + meant.read_text())
    assert dict(port.port(scratch, root)) == {f"template/{pool}": []}
    assert meant.read_text().startswith("# meanwhile\n")
    assert meant.read_text().endswith("# edited\n")


def test_an_edit_on_a_line_of_jinja_is_a_conflict_with_its_line(root, scratch):
    service.replace(scratch / "pyproject.toml", ('name = "scratch"\n', 'name = "scratch-2"\n'))
    assert dict(port.port(scratch, root)) == {"template/pyproject.toml.jinja": [2]}
    lines = (root / "template/pyproject.toml.jinja").read_text().splitlines()
    assert lines[1] == "<<<<<<< template"
    assert 'name = "{{ project_name }}"' in lines
    assert 'name = "scratch-2"' in lines


def test_a_render_of_what_was_never_committed_is_compared_with_the_files_of_today(root, scratch, capsys):
    for name in (".copier-answers.yml", "README.md"):
        service.replace(scratch / name, (CURRENT, "fffffff"))
    (scratch / "ruff.toml").write_text((scratch / "ruff.toml").read_text() + "# edited\n")
    assert dict(port.port(scratch, root)) == {"template/ruff.toml": []}
    assert "fffffff is no commit here" in capsys.readouterr().out


def test_the_command_brings_an_edit_back_and_names_what_is_no_service(root, scratch):
    def run(folder):
        return shell.attempt(sys.executable, "-m", "tests.port", folder, cwd=root)

    assert run("../scratch") == (0, "Nothing was edited there.\n")
    service.replace(scratch / "pyproject.toml", ('name = "scratch"\n', 'name = "scratch-2"\n'))
    (scratch / "ruff.toml").write_text((scratch / "ruff.toml").read_text() + "# edited\n")
    conflict = "template/pyproject.toml.jinja:2: a conflict: edit it by hand"
    assert run("../scratch") == (1, f"{conflict}\ntemplate/ruff.toml\nReview it: git diff\n")
    code, output = run("..")
    assert (code, output.strip().endswith("name the folder of a service that was rendered.")) == (2, True)
