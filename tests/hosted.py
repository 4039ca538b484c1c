"""A forge with the deployments repository, as far as its API tells of pull requests and their reviews.

As Gitea 1.24 answers; `tests/e2e/test_reviews.py` asks the real one the same.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.answering import Reply, answering

TOKEN = "t0ken-of-the-orchestrator"
PROJECT = "acme/deployments"
BASE = "reviews"
OWN = "Orchestrator"


@dataclass
class Hosted:
    """The forge of a bare `repository`. Its methods are what people do there."""

    repository: Path
    api: str = ""
    pulls: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    reviews: dict[int, list[dict[str, Any]]] = field(default_factory=dict[int, list[dict[str, Any]]])
    is_there: bool = True
    asked: list[str] = field(default_factory=list[str])

    def head(self, branch: str) -> str:
        command = ["git", "-C", self.repository, "rev-parse", "--verify", f"refs/heads/{branch}"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def open(self, base: str = BASE) -> dict[str, Any]:
        (pull,) = [each for each in self.pulls if each["state"] == "open" and each["base"]["ref"] == base]
        return pull

    def review(self, login: str, state: str = "APPROVED", **more: Any) -> dict[str, Any]:
        """Somebody reviews the one open pull request as it stands now."""
        pull = self.open()
        listed = self.reviews.setdefault(pull["number"], [])
        made = {
            "id": 100 + len(listed),
            "user": {"login": login, "email": f"{login}@noreply.example.com"},
            "state": state,
            "commit_id": self.head(pull["head"]["ref"]),
            "submitted_at": (datetime.now(UTC) + timedelta(microseconds=len(listed))).isoformat(),
            "body": "",
            "dismissed": False,
            "stale": False,
            "official": True,
        } | more
        listed.append(made)
        return made

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        self.asked.append(f"{method} {path}")
        if not self.is_there:
            return 503, {"Retry-After": "0"}, b"{}"
        if headers.get("authorization") != f"token {TOKEN}":
            return _said(401, {"message": "invalid username, password or token"})
        parts = urlsplit(path)
        root, query = f"/api/v1/repos/{PROJECT}", parse_qs(parts.query)
        page, limit = (int(query.get(name, [other])[0]) for name, other in (("page", "1"), ("limit", "50")))
        here = slice((page - 1) * limit, page * limit)
        match (method, parts.path.removeprefix(root)):
            case "GET", "/api/v1/user":
                return _said(200, {"login": OWN})
            case "GET", "/pulls":
                (state,) = query.get("state", ["open"])
                found = [each for each in self.pulls if state in ("all", each["state"])]
                if by := query.get("poster"):
                    found = [each for each in found if each["user"]["login"].casefold() == by[0].casefold()]
                if query.get("sort") != ["oldest"]:
                    found.reverse()
                return _said(200, [self._shown(each) for each in found][here])
            case "POST", "/pulls":
                return _said(201, self._shown(self.opens(**json.loads(body), by=OWN)))
            case "GET", rest if found := re.fullmatch(r"/pulls/(\d+)/reviews", rest):
                return _said(200, self.reviews.get(int(found[1]), [])[here])
            case "GET", rest if found := re.fullmatch(r"/pulls/(\d+)", rest):
                return _said(200, self._shown(self.pulls[int(found[1]) - 1]))
            case "PATCH", rest if found := re.fullmatch(r"/pulls/(\d+)", rest):
                pull, wanted = self.pulls[int(found[1]) - 1], json.loads(body)
                if base := wanted.pop("base", None):
                    if pull["state"] != "open":
                        return _said(422, {"message": "issue is closed"})
                    pull["base"]["ref"] = base
                pull |= wanted
                return _said(201, self._shown(pull))
            case _:
                return _said(404, {"message": "not found"})

    def opens(
        self, head: str, base: str, title: str, body: str = "", by: str = "zoe", of: str = PROJECT
    ) -> dict[str, Any]:
        """Somebody opens another pull request, from a branch `of` the project or of a fork."""
        number = len(self.pulls) + 1
        self.pulls.append(
            {
                "number": number,
                "html_url": f"https://git.example.com/{PROJECT}/pulls/{number}",
                "state": "open",
                "created_at": datetime.now(UTC).isoformat(),
                "user": {"login": by},
                "title": title,
                "body": body,
                "head": {"ref": head, "repo": {"full_name": of}},
                "base": {"ref": base, "repo": {"full_name": PROJECT}},
            }
        )
        return self.pulls[-1]

    def _shown(self, pull: dict[str, Any]) -> dict[str, Any]:
        branch = pull["head"]["ref"]
        try:
            return {**pull, "head": {"sha": self.head(branch), "label": branch, **pull["head"]}}
        except subprocess.CalledProcessError:
            gone = {"label": branch, "ref": f"refs/pull/{pull['number']}/head", "sha": ""}
            return {**pull, "head": {**pull["head"], **gone}}


@contextmanager
def hosted(repository: Path) -> Iterator[Hosted]:
    forge = Hosted(repository)
    with answering(forge.answer) as port:
        forge.api = f"http://127.0.0.1:{port}/api/v1"
        yield forge


def _said(status: int, content: Any) -> Reply:
    return status, {"Content-Type": "application/json"}, json.dumps(content).encode()
