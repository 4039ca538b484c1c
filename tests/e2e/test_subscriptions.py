"""Newer versions of what the fleet follows, proposed on a real Gitea by a bot that may not push to `main`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from rig import Gitea, User

from tests.answering import Reply, answering
from tests.desk import FILES, Desk, begin, git, make_keys

VALUES = "greeting: hi\nlegacy: true\nimage:\n  tag: 1.0.0\n"


@dataclass
class Shop:
    """A fleet on a forge that follows an image, of which `tags` are published."""

    forge: Gitea
    owner: User
    desk: Desk
    image: str
    tags: list[str]

    def look(self) -> Any:
        answer = self.desk.run("subscriptions", "--propose", "--format", "json")
        assert answer.code == 0, answer.errors
        return answer.json[0]

    def ask(self, method: str, path: str, **content: Any) -> Any:
        url = f"{self.forge.url}/api/v1/repos/{self.owner.name}/fleet/{path}"
        auth = (self.owner.name, self.owner.password)
        answer = httpx.request(method, url, auth=auth, json=content or None, timeout=60)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    @property
    def branches(self) -> list[str]:
        return sorted(each["name"] for each in self.ask("GET", "branches"))


@pytest.fixture
def shop(forge: Gitea, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    owner, bot = forge.user("following-owner"), forge.user("following-bot")
    url = forge.repository(owner, "fleet")
    forge.collaborate(owner, "fleet", bot)
    desk, keys, tags = Desk(tmp_path), tmp_path / "keys", ["1.0.0", "1.1.0"]
    keys.mkdir()
    make_keys(keys, ("alice", "bob"))
    begin(desk, keys)
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", ".local/deployments.git")

    def registry(method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        return 200, {}, json.dumps({"name": "acme/shop", "tags": tags}).encode()

    with answering(registry) as port:
        image = f"127.0.0.1:{port}/acme/shop"
        fields = "[{file: tenants/shop/values.yaml, field: image.tag}]"
        follows = f"subscriptions: [{{name: shop, image: '{image}', fields: {fields}}}]\n"
        desk.commit("tenants/shop/values.yaml", VALUES)
        desk.commit("fleet.yaml", FILES["fleet.yaml"] + follows)
        git(desk.fleet, "push", "--quiet", forge.signed_in(url, owner), "main")
        forge.protect(owner, "fleet", "main", owner)
        token = forge.token(bot)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("DEPLOY_ORCHESTRATOR_FLEET", forge.signed_in(url, token))
        monkeypatch.setenv("DEPLOY_ORCHESTRATOR_FORGE_KIND", "gitea")
        monkeypatch.setenv("DEPLOY_ORCHESTRATOR_FORGE_TOKEN", token.password)
        yield Shop(forge, owner, desk, image, tags)


def test_it_is_proposed_once_superseded_merged_and_what_people_closed_stays_closed(shop: Shop) -> None:
    first = shop.look()
    assert (first["state"], first["version"]) == ("proposed", "1.1.0")
    (pull,) = shop.ask("GET", "pulls?state=open")
    assert (pull["html_url"], pull["title"]) == (first["url"], f"Upgrade {shop.image} to 1.1.0")
    assert "is the highest version that is safe for all tenants" in pull["body"]
    assert shop.look()["state"] == "waits"
    assert len(shop.ask("GET", "pulls?state=all")) == 1

    shop.tags.append("1.2.0")
    second = shop.look()
    assert (second["version"], second["superseded"]) == ("1.2.0", ["1.1.0"])
    assert {each["title"]: each["state"] for each in shop.ask("GET", "pulls?state=all")} == {
        f"Upgrade {shop.image} to 1.1.0": "closed",
        f"Upgrade {shop.image} to 1.2.0": "open",
    }
    assert shop.branches == ["main", "upgrades/shop/1.2.0"]

    (pull,) = shop.ask("GET", "pulls?state=open")
    shop.ask("POST", f"pulls/{pull['number']}/merge", Do="merge", delete_branch_after_merge=True)
    assert shop.look()["state"] == "current"
    assert shop.branches == ["main"]

    shop.tags.append("2.0.0")
    third = shop.look()
    assert third["version"] == "2.0.0"
    (pull,) = shop.ask("GET", "pulls?state=open")
    shop.ask("PATCH", f"pulls/{pull['number']}", state="closed")
    shop.ask("DELETE", "branches/upgrades%2Fshop%2F2.0.0")
    assert shop.look()["state"] == "declined"
    assert shop.branches == ["main"]
    assert shop.ask("GET", "pulls?state=open") == []
