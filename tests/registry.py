"""A small registry on this machine that speaks the distribution API, for pulls and pushes."""

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from tests.answering import Reply, answering


@dataclass
class Registry:
    """Everything is kept by the path of a chart; `refuses` are the beginnings of requests that it fails."""

    port: int = 0
    login: str = ""
    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    manifests: dict[tuple[str, str], bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    refuses: tuple[str, ...] = ()
    uploads_at: str = ""

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def tags(self) -> list[str]:
        return [f"{name}:{tag}" for name, tag in self.manifests]

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        url = urlsplit(path)
        asked = f"{method} {url.path}"
        self.asked.append(asked)
        if url.path == "/token":
            return self._token(headers, parse_qs(url.query)["scope"][0])
        if any(asked.startswith(each) for each in self.refuses):
            return 500, {}, b""
        needed = "pull" if method in ("GET", "HEAD") else "push"
        if self.login and needed not in headers.get("authorization", ""):
            scope = f"repository:x:{'pull' if needed == 'pull' else 'pull,push'}"
            realm = f'Bearer realm="http://{self.host}/token",service="here",scope="{scope}"'
            return 401, {"WWW-Authenticate": realm}, b""
        name, kind, last = self._parts(url.path)
        match method, kind:
            case "GET" | "HEAD", "manifests" if (name, last) in self.manifests:
                return 200, {}, self.manifests[name, last]
            case "GET" | "HEAD", "blobs" if (name, last) in self.blobs:
                return 200, {}, self.blobs[name, last]
            case "GET", "tags":
                tags = [tag for chart, tag in self.manifests if chart == name]
                return 200, {}, json.dumps({"name": name, "tags": tags}).encode()
            case "POST", "uploads":
                return 202, {"Location": self.uploads_at or f"/v2/{name}/blobs/uploads/1?state=x"}, b""
            case "PUT", "uploads":
                return self._upload(name, parse_qs(url.query)["digest"][0], body)
            case "PUT", "manifests":
                return self._tag(name, last, body)
            case _:
                return 404, {}, b""

    def _parts(self, path: str) -> tuple[str, str, str]:
        head, kind, last = path.removeprefix("/v2/").rsplit("/", 2)
        return (head.removesuffix("/blobs"), kind, last)

    def _upload(self, name: str, digest: str, body: bytes) -> Reply:
        if digest != f"sha256:{hashlib.sha256(body).hexdigest()}":
            return 400, {}, b""
        self.blobs[name, digest] = body
        return 201, {}, b""

    def _tag(self, name: str, tag: str, body: bytes) -> Reply:
        manifest = json.loads(body)
        if any(
            (name, blob["digest"]) not in self.blobs for blob in (manifest["config"], *manifest["layers"])
        ):
            return 404, {}, b""
        self.manifests[name, tag] = body
        return 201, {}, b""

    def _token(self, headers: dict[str, str], scope: str) -> Reply:
        given = base64.b64decode(headers.get("authorization", "").removeprefix("Basic ")).decode()
        if given != self.login:
            return 401, {}, b""
        return 200, {}, json.dumps({"token": scope.rpartition(":")[2]}).encode()


@contextmanager
def serving() -> Iterator[Registry]:
    """A registry that answers while the block runs."""
    registry = Registry()
    with answering(registry.answer) as registry.port:
        yield registry
