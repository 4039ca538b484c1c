"""A small registry on this machine that speaks the distribution API, for pulls and pushes."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from tests.answering import Reply, answering

INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass
class Registry:
    """Everything is kept by the path of a chart or an image; `refuses` are the beginnings of requests that it
    fails, `replies` what it answers to a method and path in place of the truth. Without `lists_referrers` it
    knows none, without `gives_ranges` it sends blobs whole. Reads of paths with `stalls_at` in them wait for
    `stall`. With `takes_parts` an index may name what is not there.
    """

    port: int = 0
    login: str = ""
    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    manifests: dict[tuple[str, str], bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    refuses: tuple[str, ...] = ()
    uploads_at: str = ""
    replies: dict[str, Reply] = field(default_factory=dict)
    lists_referrers: bool = True
    gives_ranges: bool = True
    stall: threading.Event | None = None
    stalls_at: str = ""
    takes_parts: bool = False

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def tags(self) -> list[str]:
        return [f"{name}:{tag}" for name, tag in self.manifests if ":" not in tag]

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        url = urlsplit(path)
        asked = f"{method} {url.path}"
        self.asked.append(asked)
        if self.stall and method == "GET" and self.stalls_at in url.path:
            self.stall.wait(5)
        if url.path == "/token":
            return self._token(headers, parse_qs(url.query)["scope"][0])
        if asked in self.replies:
            return self.replies[asked]
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
                return self._manifest(self.manifests[name, last])
            case "GET" | "HEAD", "blobs" if (name, last) in self.blobs:
                return self._blob(self.blobs[name, last], headers.get("range", ""))
            case "GET", "referrers" if self.lists_referrers:
                return self._referrers(name, last)
            case "GET", "tags":
                tags = [tag for chart, tag in self.manifests if chart == name and ":" not in tag]
                return 200, {}, json.dumps({"name": name, "tags": tags}).encode()
            case "POST", "uploads" if self._mounted(name, parse_qs(url.query)):
                return 201, {}, b""
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

    def _mounted(self, name: str, query: Mapping[str, list[str]]) -> bool:
        digest, source = (query.get(each, [""])[0] for each in ("mount", "from"))
        if (source, digest) not in self.blobs:
            return False
        self.blobs[name, digest] = self.blobs[source, digest]
        return True

    def _manifest(self, body: bytes) -> Reply:
        kind = json.loads(body).get("mediaType", "application/vnd.oci.image.manifest.v1+json")
        return 200, {"Content-Type": kind, "Docker-Content-Digest": digest_of(body)}, body

    def _blob(self, body: bytes, wanted: str) -> Reply:
        if self.gives_ranges and (last := re.fullmatch(r"bytes=-(\d+)", wanted)):
            part = body[-int(last[1]) :]
            start = len(body) - len(part)
            return 206, {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}, part
        return 200, {}, body

    def _referrers(self, name: str, subject: str) -> Reply:
        found = [
            {
                "mediaType": manifest.get("mediaType"),
                "digest": digest,
                "size": len(body),
                "artifactType": manifest.get("artifactType") or manifest["config"]["mediaType"],
                "annotations": manifest.get("annotations") or {},
            }
            for (place, digest), body in self.manifests.items()
            if place == name and ":" in digest
            for manifest in [json.loads(body)]
            if (manifest.get("subject") or {}).get("digest") == subject
        ]
        return 200, {}, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": found}).encode()

    def _tag(self, name: str, tag: str, body: bytes) -> Reply:
        manifest = json.loads(body)
        blobs = (manifest["config"], *manifest["layers"]) if "config" in manifest else ()
        if any((name, each["digest"]) not in self.blobs for each in blobs):
            return 404, {}, b""
        members = () if self.takes_parts or tag.startswith("sha256-") else manifest.get("manifests", ())
        if any((name, each["digest"]) not in self.manifests for each in members):
            return 404, {}, b""
        if ":" in tag and tag != digest_of(body):
            return 400, {}, b""
        self.put(name, body, tag)
        subject = (manifest.get("subject") or {}).get("digest")
        return 201, {"OCI-Subject": subject} if subject and self.lists_referrers else {}, b""

    def put(self, name: str, body: bytes, *tags: str) -> str:
        """Keep a manifest or an index by its digest and these tags."""
        for each in (digest_of(body), *tags):
            self.manifests[name, each] = body
        return digest_of(body)

    def _token(self, headers: dict[str, str], scope: str) -> Reply:
        given = base64.b64decode(headers.get("authorization", "").removeprefix("Basic ")).decode()
        if given != self.login:
            return 401, {}, b""
        return 200, {}, json.dumps({"token": scope.rpartition(":")[2]}).encode()


def digest_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


@contextmanager
def serving() -> Iterator[Registry]:
    """A registry that answers while the block runs."""
    registry = Registry()
    with answering(registry.answer) as registry.port:
        yield registry
