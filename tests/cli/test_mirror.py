import pytest

from tests.desk import FILES
from tests.images.conftest import Hub
from tests.registry import serving

PACKAGELESS = {"app@1.0.0": [{"name": "lost", "version": "1.x"}]}


@pytest.fixture
def registry():
    with serving() as registry:
        yield registry


def test_what_cannot_be_copied_or_found_is_told_and_exits_2(fresh, index, registry):
    to = f"oci://{registry.host}/copies"
    answer = fresh.run("mirror", "charts", "app", "--to", to, *index(PACKAGELESS))
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
    answer = fresh.run("mirror", "charts", "app", "--to", to, *index(PACKAGELESS), "--format", "json")
    (copy,) = answer.json["copies"]
    assert (copy["name"], copy["version"], copy["to"], copy["state"]) == ("app", "1.0.0", to, "failed")
    assert "cannot be read" in copy["why"]
    assert [each["name"] for each in answer.json["unresolved"]] == ["lost"]


def test_only_a_place_in_a_registry_will_do(fresh, index):
    answer = fresh.run("mirror", "charts", "app", "--to", "https://example.com", *index(PACKAGELESS))
    assert (answer.code, "is no place in a registry" in answer.errors) == (2, True)


def test_a_folder_is_packaged_with_its_neighbours_and_copied(fresh, registry):
    (fresh.fleet / "charts/lib").mkdir()
    (fresh.fleet / "charts/lib/Chart.yaml").write_text("apiVersion: v2\nname: lib\nversion: 1.0.0\n")
    with (fresh.fleet / "charts/app/Chart.yaml").open("a") as file:
        file.write("dependencies: [{name: lib, version: 1.x, repository: file://../lib}]\n")
    command = ("mirror", "charts", str(fresh.fleet / "charts/app"), "--to", f"oci://{registry.host}/own")
    copies = fresh.run(*command, "--format", "json").json["copies"]
    assert [(each["name"], each["state"]) for each in copies] == [("app", "copied"), ("lib", "carried")]
    assert registry.tags == ["own/app:0.1.0"]
    answer = fresh.run("analyze", f"oci://{registry.host}/own/app", "--format", "json")
    assert [each["name"] for each in answer.json[0]["nodes"]][:1] == ["app"]
    again = fresh.run(*command, "--format", "json").json["copies"]
    assert [each["state"] for each in again] == ["already there", "carried"]


@pytest.fixture
def hub():
    with serving() as registry:
        yield Hub(registry)


def lay_out(desk, hub, registry, mirrors=""):
    """The app runs one image of `hub`, which the fleet reads from `registry` where `mirrors` says so."""
    pod = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n"
        f"spec: {{containers: [{{name: web, image: {hub.name('acme/web:1')}}}]}}\n"
    )
    desk.commit("charts/app/templates/web.yaml", pod)
    egress = f'egress: ["{hub.registry.host}"]\n'
    desk.commit("fleet.yaml", FILES["fleet.yaml"] + egress + mirrors)


def mirrors(hub, registry):
    return f"imageMirrors: [{{of: {hub.registry.host}/acme, to: {registry.host}/copies}}]\n"


def test_images_go_to_where_the_fleet_reads_them_from(fresh, hub, registry):
    digest = hub.variant("acme/web", "1")["digest"]
    lay_out(fresh, hub, registry, mirrors(hub, registry))
    missing = fresh.json("images")["images"]
    assert [(each["image"], each["state"]) for each in missing] == [
        (f"{registry.host}/copies/web:1", "missing")
    ]
    (copy,) = fresh.json("mirror", "images")["copies"]
    assert (copy["image"], copy["to"]) == (str(hub.name("acme/web:1")), f"{registry.host}/copies/web:1")
    assert (copy["state"], copy["digest"], copy["why"]) == ("copied", digest, None)
    (there,) = fresh.json("images")["images"]
    assert (there["state"], there["digest"]) == ("there", digest)
    again = fresh.run("mirror", "images")
    assert (again.code, again.output.splitlines()[1].split()[:2]) == (0, ["already", "there"])


def test_images_that_no_mirror_is_about_stay_where_they_are(fresh, hub, registry):
    hub.variant("acme/web", "1")
    lay_out(fresh, hub, registry, mirrors(hub, registry).replace("/acme", "/other"))
    answer = fresh.run("mirror", "images")
    assert answer.code == 0
    assert f"note: {hub.name('acme/web:1')} stays where it is" in answer.errors
    assert registry.manifests == {}


def test_images_go_below_a_place_that_is_named(fresh, hub, registry):
    hub.variant("acme/web", "1")
    lay_out(fresh, hub, registry)
    assert fresh.run("mirror", "images", "--to", f"oci://{registry.host}/all").code == 0
    host = hub.registry.host.replace(":", "-")
    assert registry.tags == [f"all/{host}/acme/web:1"]


def test_images_without_a_place_to_go_to_are_an_error(fresh, hub, registry):
    lay_out(fresh, hub, registry)
    answer = fresh.run("mirror", "images")
    assert answer.code == 2
    assert "fleet.yaml: imageMirrors: no place is named that images are copied to" in answer.errors


def test_an_image_that_cannot_be_copied_is_told_and_exits_2(fresh, hub, registry):
    lay_out(fresh, hub, registry, mirrors(hub, registry))
    answer = fresh.run("mirror", "images")
    assert answer.code == 2
    assert answer.output.splitlines()[1].startswith("failed  0 B")
    assert f"{hub.name('acme/web:1')} is not in" in answer.errors
    assert registry.manifests == {}


@pytest.mark.parametrize(
    "place", ["https://registry.example.com", "hub", "registry.example.com/Hub", "oci://"]
)
def test_only_a_place_in_a_registry_will_do_for_images(fresh, place):
    answer = fresh.run("mirror", "images", "--to", place)
    assert answer.code == 2
    assert "is no place for images" in answer.errors
