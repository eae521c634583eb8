"""Images are scanned, pushed and signed, on a real registry and with real signatures."""

import pytest

from tests.ci import delivery
from tests.harness import service, shell

LOGIN = {"REGISTRY_USER": "robot", "REGISTRY_PASSWORD": "hidden"}
STEP = """export RELEASE_FILE="$GITHUB_OUTPUT"
deploy/delivery.sh image"""


@pytest.fixture(scope="module")
def keys(workshop):
    """A folder with the keys that sign and verify."""
    (workshop / "keys").mkdir()
    delivery.make_key(workshop / "keys")
    return workshop / "keys"


@pytest.fixture(scope="module")
def registry(workshop):
    (workshop / "registry").mkdir()
    with delivery.serve_registry(workshop / "registry") as address:
        yield address


@pytest.fixture
def clone(render, tmp_path):
    return service.adopt(render(), tmp_path / "clone")


@pytest.fixture
def machine(clone, registry, keys, tmp_path):
    image = f"{registry}/team/{tmp_path.name.lower()}"
    secret = (keys / "cosign.key").read_text()
    return delivery.make(tmp_path, clone, image, COSIGN_PRIVATE_KEY=secret, COSIGN_PASSWORD="secret", **LOGIN)


@pytest.mark.slow
def test_an_image_is_scanned_pushed_as_it_was_built_and_signed_with_its_bill_of_materials(machine, keys, tmp_path):
    machine.run(STEP, GITHUB_OUTPUT=str(tmp_path / "outputs"))
    [name, release] = (tmp_path / "outputs").read_text().strip().split("=")
    calls = machine.read_calls()
    assert [call.split(" --")[0] for call in calls] == [
        f"docker login {machine.image.split('/')[0]}",
        *("docker context create " + calls[1].split()[-1], "docker buildx create", "docker buildx build"),
        *("trivy image", "trivy image"),
    ]
    assert "hidden" not in "".join(calls)
    assert name == "RELEASE"
    built = shell.run("skopeo", "inspect", "--raw", f"oci:{tmp_path / 'built'}", cwd=tmp_path)
    reads = ("cosign", "verify", "--key", keys / "cosign.pub", "--insecure-ignore-tlog=true", release)
    home = machine.environment["HOME"]
    shell.run(*reads, cwd=tmp_path, HOME=home)
    attested = ("cosign", "verify-attestation", "--type", "cyclonedx", *reads[2:])
    shell.run(*attested, cwd=tmp_path, HOME=home)
    pushed = shell.run(
        "skopeo", "inspect", "--raw", f"docker://{release}", cwd=tmp_path, HOME=machine.environment["HOME"]
    )
    assert pushed == built


@pytest.mark.slow
def test_an_image_with_a_hole_is_not_pushed(machine):
    machine.calls.with_suffix(".vulnerable").touch()
    code, output = machine.attempt("deploy/delivery.sh image")
    assert code != 0
    assert "CVE-2026-1" in output
    assert "Nothing was pushed" in output
    tags = ("skopeo", "list-tags", f"docker://{machine.image}")
    assert "repository name not known" in shell.attempt(*tags, cwd=machine.folder, HOME=machine.environment["HOME"])[1]


@pytest.mark.slow
def test_a_commit_has_one_image_and_an_older_one_is_found_again(machine, tmp_path):
    older = shell.run("git", "rev-parse", "HEAD", cwd=machine.folder).strip()
    first = machine.release()
    machine.read_calls()
    assert machine.release() == first
    delivery.write_layout(tmp_path / "built", b"another")
    machine.commit("Change something")
    assert machine.release() != first
    machine.read_calls()
    assert machine.release(DEPLOY_VERSION=older) == first
    assert not [call for call in machine.read_calls() if "login" not in call]

    code, output = machine.attempt("deploy/delivery.sh image", DEPLOY_VERSION="1" * 40)
    assert code != 0
    assert f"There is no image {machine.image}:{'1' * 40}" in output


@pytest.mark.slow
def test_an_image_that_somebody_else_pushed_is_not_deployed(machine, tmp_path):
    commit = shell.run("git", "rev-parse", "HEAD", cwd=machine.folder).strip()
    target = f"docker://{machine.image}:{commit}"
    copy = ("skopeo", "copy", "--all", "--dest-creds", "robot:hidden", f"oci:{tmp_path / 'built'}", target)
    shell.run(*copy, cwd=tmp_path, HOME=machine.environment["HOME"])
    code, output = machine.attempt("deploy/delivery.sh image")
    assert code != 0
    assert "is not signed by this repository" in output
