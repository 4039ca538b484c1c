"""Every image of the fleet, as its registry has it."""

from collections.abc import Iterator

import pytest
import stamina

from tests.desk import FILES, Desk
from tests.images.conftest import Hub
from tests.registry import serving

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      automountServiceAccountToken: false
      securityContext: {{runAsNonRoot: true, runAsUser: 1000, seccompProfile: {{type: RuntimeDefault}}}}
      containers:
        - name: web
          image: {image}
          resources: {{requests: {{cpu: 10m, memory: 16Mi}}, limits: {{cpu: 10m, memory: 16Mi}}}}
          securityContext: {{allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}}}
"""


DEV_ASKS = 'kubernetes: "1.34"\n    policy: {images: {}}'


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving() as registry, stamina.set_testing(True, attempts=1):
        yield Hub(registry)


def fleet_yaml(hub: Hub, policy: str = "") -> str:
    egress = f'egress: ["{hub.registry.host}"]\n'
    return FILES["fleet.yaml"].replace("      approval:", f"{policy}      approval:") + egress


def lay_out(desk: Desk, hub: Hub, image: str, policy: str = "") -> None:
    """The app runs an image; what policy of production says stands in six spaces."""
    desk.commit("charts/app/templates/web.yaml", DEPLOYMENT.format(image=image))
    desk.commit("fleet.yaml", fleet_yaml(hub, policy))


def test_an_image_is_shown_with_all_that_its_registry_tells(fresh: Desk, hub: Hub) -> None:
    digest = hub.variant("acme/web", "1", layers=[bytes(5_000_000), bytes(2048)], User="1000")["digest"]
    hub.refer("acme/web", digest, "application/spdx+json")
    lay_out(fresh, hub, str(hub.name("acme/web:1")))
    answer = fresh.run("images")
    assert (answer.code, answer.errors) == (0, "")
    head, row, last = answer.output.splitlines()
    assert head.split() == [
        *("state", "download", "on", "disk", "shared", "built", "(UTC)"),
        *("user", "SBOM", "signature", "platforms", "image"),
    ]
    assert row.split()[:1] == ["there"]
    assert "≥ 5.0 MB" in row
    assert row.split()[-6:] == ["2026-01-01", "1000", "yes", "no", "1", str(hub.name("acme/web:1"))]
    assert last.startswith("1 of 1 images are there; together they take 4.9 kB to download.")


def test_json_has_every_platform_layer_and_user_of_an_image(fresh: Desk, hub: Hub) -> None:
    digest = hub.variant("acme/web", "1")["digest"]
    lay_out(fresh, hub, str(hub.name("acme/web:1")))
    answer = fresh.json("images", "--environment", "production")
    (image,) = answer["images"]
    assert (image["state"], image["digest"]) == ("there", digest)
    assert image["deployments"] == ["production/shop"]
    assert image["used_by"] == [
        {
            "deployment": "production/shop",
            "cluster": "here",
            "standing": "candidate",
            "by": "Deployment shop-production/web (web)",
        }
    ]
    (platform,) = image["platforms"]
    assert (platform["platform"], platform["root"], len(platform["layers"])) == ("linux/amd64", True, 2)
    assert image["clusters"] == {"here": {"shared": 0, "alone": answer["download"]}}


def test_an_image_that_is_missing_exits_1_and_the_others_are_shown(fresh: Desk, hub: Hub) -> None:
    hub.variant("acme/web", "1")
    lay_out(fresh, hub, str(hub.name("acme/web:1")))
    lost = DEPLOYMENT.format(image=hub.name("acme/lost:1")).replace("name: web", "name: lost")
    fresh.commit("charts/app/templates/lost.yaml", lost)
    answer = fresh.run("images")
    assert answer.code == 1
    assert "1 of 2 images are there" in answer.output
    assert f"{hub.name('acme/lost:1')} is not in {hub.registry.host}" in answer.errors


def test_a_registry_that_does_not_answer_is_never_all_right(fresh: Desk, hub: Hub) -> None:
    lay_out(fresh, hub, str(hub.name("acme/web:1")))
    hub.registry.refuses = ("HEAD /v2/acme/web",)
    answer = fresh.run("images")
    assert answer.code == 2
    assert answer.output.splitlines()[1].split()[0] == "unknown"
    assert "answered 500" in answer.errors


def test_what_a_policy_asks_of_images_is_told_with_what_to_do(fresh: Desk, hub: Hub) -> None:
    digest = hub.variant("acme/web", "1")["digest"]
    lay_out(fresh, hub, str(hub.name("acme/web:1")), "      images: {byDigest: true}\n")
    answer = fresh.run("images")
    assert answer.code == 1
    assert "error  production/shop: image-by-tag: Deployment shop-production/web:" in answer.output
    assert f"fix: name it {hub.name('acme/web:1')}@{digest}" in answer.output
    assert "dev/" not in answer.output


def test_no_registry_is_asked_but_those_that_the_fleet_lets_reach(fresh: Desk, hub: Hub) -> None:
    fresh.commit("charts/app/templates/web.yaml", DEPLOYMENT.format(image=hub.name("acme/web:1")))
    answer = fresh.run("images")
    assert answer.code == 2
    assert "is this machine, or its metadata" in answer.errors
    assert not hub.registry.asked


def test_what_breaks_a_policy_is_blocked_before_the_release(fresh: Desk, hub: Hub) -> None:
    hub.variant("acme/web", "1")
    lay_out(fresh, hub, str(hub.name("acme/web:1")), "      images: {signature: true}\n")
    answer = fresh.run("plan", "--format", "json")
    found = {each["environment"]: each for each in answer.json["plans"] if each["tenant"] == "shop"}
    assert found["production"]["verdict"] == "blocked"
    assert "image-signature" in {each["check"] for each in found["production"]["reasons"]}
    asked = [each for each in hub.registry.asked if each.startswith("HEAD /v2/acme/web/manifests/1")]
    assert len(asked) == 1, "dev asks nothing of images, so that no registry is asked for it"


def test_nothing_is_planned_while_a_registry_that_a_policy_goes_by_does_not_answer(
    fresh: Desk, hub: Hub
) -> None:
    lay_out(fresh, hub, str(hub.name("acme/web:1")), "      images: {}\n")
    hub.registry.refuses = ("HEAD /v2/acme/web",)
    answer = fresh.run("plan")
    assert answer.code == 2
    assert "answered 500" in answer.errors
    assert "dev/shop" in answer.output
    assert "production/shop" not in answer.output


def test_a_tag_that_moved_since_the_release_is_told(fresh: Desk, hub: Hub) -> None:
    was = hub.variant("acme/web", "1")["digest"]
    lay_out(fresh, hub, str(hub.name("acme/web:1")))
    fresh.commit("fleet.yaml", fleet_yaml(hub).replace('kubernetes: "1.34"', DEV_ASKS, 1))
    fresh.ship()
    assert fresh.json("images")["moved"] == []
    now = hub.variant("acme/web", "1", layers=[b"other"])["digest"]
    answer = fresh.run("images")
    assert answer.code == 1
    name = hub.name("acme/web:1")
    assert (
        f"moved  dev/shop: {name} leads to {now} now, and led to {was} when it was released" in answer.output
    )
    assert fresh.json("images")["moved"][0]["was"] == was


def test_a_change_that_would_start_what_a_tag_was_moved_to_needs_approval(fresh: Desk, hub: Hub) -> None:
    hub.variant("acme/web", "1")
    lay_out(fresh, hub, str(hub.name("acme/web:1")))
    fresh.commit("fleet.yaml", fleet_yaml(hub).replace('kubernetes: "1.34"', DEV_ASKS, 1))
    fresh.ship()
    hub.variant("acme/web", "1", layers=[b"other"])
    fresh.commit("tenants/shop/values.yaml", "greeting: hello again\n")
    answer = fresh.run("plan", "--format", "json", "-e", "dev", "-t", "shop")
    (plan,) = answer.json["plans"]
    moved = [each for each in plan["reasons"] if each["rule"] == "image-moved"]
    assert [each["severity"] for each in moved] == ["needs-approval"]
    fresh.ship()
    assert fresh.run("images", "-t", "shop").code == 0, "the release that started it knows what it started"


def test_what_images_broke_before_a_change_is_not_new_with_it(fresh: Desk, hub: Hub) -> None:
    hub.variant("acme/web", "1")
    lay_out(fresh, hub, str(hub.name("acme/web:1")), "      images: {sbom: true}\n")
    fresh.commit("tenants/shop/values.yaml", "greeting: hello there\n")
    answer = fresh.run("plan", "--from", "main~1", "-e", "production", "--format", "json")
    (plan,) = answer.json["plans"]
    found = {each["rule"]: each["new"] for each in plan["findings"]}
    assert found["image-sbom"] is False


@pytest.mark.parametrize("honest", [True, False])
def test_a_digest_beside_a_version_is_held_against_the_registry(fresh: Desk, hub: Hub, honest: bool) -> None:
    """Where the policy asks anything of images: what the tag leads to is as safe as the tag."""
    hub.variant("acme/web", "1.4.2")
    lay_out(fresh, hub, str(hub.name("acme/web:1.4.2")))
    fresh.commit("fleet.yaml", fleet_yaml(hub).replace('kubernetes: "1.34"', DEV_ASKS, 1))
    fresh.ship()
    digest = hub.variant("acme/web", "1.4.3", layers=[b"later"])["digest"]
    other = hub.variant("acme/web", "branch", layers=[b"anything"])["digest"]
    named = f"{hub.name('acme/web:1.4.3')}@{digest if honest else other}"
    fresh.commit("charts/app/templates/web.yaml", DEPLOYMENT.format(image=named))
    (plan,) = fresh.run("plan", "--format", "json", "-e", "dev", "-t", "shop").json["plans"]
    rules = {each["rule"]: each["severity"] for each in plan["reasons"]}
    assert rules == ({"image-updated": "safe"} if honest else {"image-pinned": "needs-approval"})
