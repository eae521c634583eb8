"""What still imports a package that is gone is named, and an import that fails for another reason stays an error."""

import sys
from pathlib import Path

import pytest
from service.kit.commands import cli
from service_tools.dev import leftovers

FILES = {
    "src/service/__init__.py": "",
    "src/service/kit/db/__init__.py": "",
    "src/service/kit/lost/__pycache__/left.py": "",
    "src/service/app.py": "x = 1\nfrom service.kit.lost import Thing\nfrom service.kit.lost_too import It\n",
    "src/service/orders.py": "def use():\n    import service.kit.lost.part as part\n",
    "tests/test_it.py": "from tests.kit.lost import run\nfrom elsewhere.kit.lost import a\n",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(sys.modules["service"], "__file__", str(tmp_path / "src/service/__init__.py"))


@pytest.mark.usefixtures("project")
def test_each_import_of_a_room_that_is_gone_is_named():
    said = leftovers.explain_missing_package(ImportError(name="service.kit.lost.part"))
    assert said
    sentence, *lines = said.splitlines()
    assert sentence.startswith("service.kit.lost is not part of this service.")
    assert lines == [
        "  src/service/app.py:2: from service.kit.lost import Thing",
        "  src/service/orders.py:2: import service.kit.lost.part as part",
        "  tests/test_it.py:1: from tests.kit.lost import run",
    ]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("name", [None, "service.kit", "service.kit.db.part", "elsewhere"])
def test_another_module_that_is_missing_is_no_room(name: str | None):
    assert leftovers.explain_missing_package(ImportError(name=name)) is None


def test_an_import_that_fails_for_another_reason_stays_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "service.lost", None)
    with pytest.raises(ModuleNotFoundError):
        cli.main("service.lost")
