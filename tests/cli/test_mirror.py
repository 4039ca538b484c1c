import pytest

from tests.registry import serving

PACKAGELESS = {"app@1.0.0": [{"name": "lost", "version": "1.x"}]}


@pytest.fixture
def registry():
    with serving() as registry:
        yield registry


def test_what_cannot_be_copied_or_found_is_told_and_exits_2(fresh, index, registry):
    to = f"oci://{registry.host}/copies"
    answer = fresh.run("mirror", "app", "--to", to, *index(PACKAGELESS))
    assert answer.code == 2
    assert answer.output.startswith("chart      state   to\napp@1.0.0  failed  oci://127.0.0.1:")
    assert "not found lost: https://hub.example.com has no chart lost" in answer.output
    assert (
        "error: app@1.0.0: the package of app@1.0.0 from https://hub.example.com cannot be read"
        in answer.errors
    )
    assert not registry.tags


def test_json_has_every_copy_and_why_it_failed(fresh, index, registry):
    to = f"oci://{registry.host}/copies"
    answer = fresh.run("mirror", "app", "--to", to, *index(PACKAGELESS), "--format", "json")
    (copy,) = answer.json["copies"]
    assert (copy["name"], copy["version"], copy["to"], copy["state"]) == ("app", "1.0.0", to, "failed")
    assert "cannot be read" in copy["why"]
    assert [each["name"] for each in answer.json["unresolved"]] == ["lost"]


def test_only_a_place_in_a_registry_will_do(fresh, index):
    answer = fresh.run("mirror", "app", "--to", "https://example.com", *index(PACKAGELESS))
    assert (answer.code, "is no place in a registry" in answer.errors) == (2, True)


def test_a_folder_is_packaged_with_its_neighbours_and_copied(fresh, registry):
    (fresh.fleet / "charts/lib").mkdir()
    (fresh.fleet / "charts/lib/Chart.yaml").write_text("apiVersion: v2\nname: lib\nversion: 1.0.0\n")
    with (fresh.fleet / "charts/app/Chart.yaml").open("a") as file:
        file.write("dependencies: [{name: lib, version: 1.x, repository: file://../lib}]\n")
    command = ("mirror", str(fresh.fleet / "charts/app"), "--to", f"oci://{registry.host}/own")
    copies = fresh.run(*command, "--format", "json").json["copies"]
    assert [(each["name"], each["state"]) for each in copies] == [("app", "copied"), ("lib", "carried")]
    assert registry.tags == ["own/app:0.1.0"]
    answer = fresh.run("analyze", f"oci://{registry.host}/own/app", "--format", "json")
    assert [each["name"] for each in answer.json[0]["nodes"]][:1] == ["app"]
    again = fresh.run(*command, "--format", "json").json["copies"]
    assert [each["state"] for each in again] == ["already there", "carried"]
