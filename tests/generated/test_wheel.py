"""Production installs the wheel: the service without its tools for development, and nothing from the dev group."""

import zipfile

from tests.harness import service, shell


def test_the_wheel_holds_the_service_and_none_of_its_tools_and_runs_where_nothing_else_is(render, tmp_path):
    folder = service.adopt(render(), tmp_path / "shop")
    shell.run("uv", "build", "--quiet", "--wheel", "--out-dir", tmp_path / "dist", cwd=folder)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    packages = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in packages if not name.endswith(".dist-info")} == {"service"}

    place = tmp_path / "production"
    shell.run("uv", "venv", "--quiet", "--python", ">=3.12", place, cwd=tmp_path)
    shell.run("uv", "pip", "install", "--quiet", "--python", place / "bin/python", wheel, cwd=tmp_path)
    listed = shell.run(place / "bin/service", "--help", cwd=tmp_path)
    for command in ("serve", "migrate", "worker", "jobs", "queries", "key", "settings"):
        assert f"\n  {command} " in listed
    for command in ("dev", "new", "perf", "plans", "token"):
        assert f"\n  {command} " not in listed
