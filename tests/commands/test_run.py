"""`run.py` explains itself, and refuses what it cannot do without touching anything."""

import sys

import pytest

from tests.harness import shell
from tests.harness.snapshot import ROOT


def attempt(*arguments, **changes):
    return shell.attempt(sys.executable, "run.py", *arguments, cwd=ROOT, **changes)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_it_explains_itself(arguments):
    code, output = attempt(*arguments)
    assert code == 0
    assert "python3 run.py try" in output
    assert "python3 run.py fleet" in output
    assert "python3 run.py test" in output


def test_an_unknown_command_is_named_with_those_there_are():
    code, output = attempt("tset")
    assert code == 2
    assert "'tset'" in output
    assert "there are `try`, `fleet`, `test`, " in output


def test_a_folder_that_is_something_else_stays_as_it_is(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    code, output = attempt("try", "--into", str(tmp_path))
    assert code == 1
    assert "--into" in output
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_without_uv_and_pip_it_says_how_to_get_them(tmp_path):
    code, output = attempt("try", "--into", str(tmp_path / "shop"), HOME=str(tmp_path), PATH=str(tmp_path))
    assert code == 1
    assert "uv is needed, and this Python has no pip" in output
    assert not (tmp_path / "shop").exists()


def test_other_arguments_of_test_go_to_pytest():
    code, output = attempt("test", "--version")
    assert code == 0
    assert output.startswith("pytest ")
