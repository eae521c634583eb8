"""The name and the version of the service are those of the distribution that it is installed as."""

import subprocess
import sys
import tomllib
from pathlib import Path

from service.kit import find_distribution

ROOT = Path(__file__).parents[2]

TRACES = """
from service.kit.work import tracing
from service.kit.work.tracing import TracesOptions, configure_traces
configure_traces(TracesOptions(endpoint="http://127.0.0.1:1"))
print(tracing.active_traces.get().tracer.resource.attributes["service.name"])
"""


def test_the_distribution_is_what_pyproject_says():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    expected = (project["name"], project["version"], project["description"], project.get("license", ""))
    assert find_distribution() == expected


def test_where_nothing_is_installed_the_package_has_a_name_and_no_version():
    code = "import service.kit; print(*service.kit.find_distribution())"
    command = [sys.executable, "-S", "-c", code]  # without site-packages
    done = subprocess.run(command, cwd=ROOT / "src", capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["service", "unknown"]


def test_a_malformed_entry_point_of_another_package_is_passed_over(tmp_path: Path):
    broken = tmp_path / "aaa-1.0.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: aaa\nVersion: 1.0\n")
    (broken / "entry_points.txt").write_text("[console_scripts]\nbad = my-pkg.cli:main\n")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    code += "from service.kit import find_distribution; print(find_distribution().name)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == find_distribution().name, done.stderr


def test_traces_are_from_the_distribution_if_no_other_name_is_given():
    done = subprocess.run([sys.executable, "-c", TRACES], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == find_distribution().name
