"""Image references, after the grammar of the distribution project (`distribution/reference`)."""

import re
from dataclasses import dataclass
from typing import Final

from deploy_orchestrator.manifests.errors import ManifestError

_HOST_PART: Final = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST: Final = rf"(?:{_HOST_PART}(?:\.{_HOST_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PATH_PART: Final = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE: Final = re.compile(
    rf"(?:(?P<registry>{_HOST})/)?(?P<repository>{_PATH_PART}(?:/{_PATH_PART})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?"
    r"(?:@(?P<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?",
    re.ASCII,
)
_MAX_NAME: Final = 255
DOCKER_HUB: Final = "docker.io"


class NotAnImage(ManifestError, ValueError):
    """A text that no container runtime takes for an image reference."""


@dataclass(frozen=True, slots=True)
class ImageReference:
    """A container image by name: registry and repository in full, as a runtime would fill them in."""

    registry: str
    repository: str
    tag: str | None
    digest: str | None

    @classmethod
    def parse(cls, text: str) -> "ImageReference":
        """`[registry/]repository[:tag][@digest]`; without a registry it is Docker Hub's.

        Raises:
            NotAnImage: it does not follow the grammar.
        """
        found = _REFERENCE.fullmatch(text)
        if found is None or len(found["repository"]) + len(found["registry"] or "") > _MAX_NAME:
            raise NotAnImage(f"{text!r} is no image reference", fix="write it as registry/repository:tag")
        registry, repository = found["registry"], found["repository"]
        if registry and not _is_host(registry):
            registry, repository = None, f"{registry}/{repository}"
        if registry in (None, "index.docker.io", DOCKER_HUB):
            registry = DOCKER_HUB
            repository = repository if "/" in repository else f"library/{repository}"
        return cls(registry, repository, found["tag"], found["digest"])

    @property
    def pinned(self) -> bool:
        """Whether it names one version: a digest, or a tag that is not `latest`."""
        return self.digest is not None or self.tag not in (None, "latest")

    def comes_from(self, place: str) -> bool:
        """Whether it is in a registry, as `ghcr.io`, or in a part of one, as `ghcr.io/acme`."""
        return f"{self.registry}/{self.repository}/".startswith(f"{place.rstrip('/')}/")

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"


def _is_host(text: str) -> bool:
    return "." in text or ":" in text or text == "localhost" or text != text.lower()
