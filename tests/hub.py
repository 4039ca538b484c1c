"""A registry on this machine with small charts that need each other."""

import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from deploy_orchestrator.charts import Destination, PublishedChart
from tests.registry import Registry, serving


@dataclass(frozen=True)
class Hub:
    """Charts can be published at any time, as `name@version` with what each needs, `name constraint`."""

    registry: Registry

    @property
    def url(self) -> str:
        return f"oci://{self.registry.host}/hub"

    def publish(self, charts: dict[str, list[str]]) -> None:
        for chart, needs in charts.items():
            name, _, version = chart.partition("@")
            published = PublishedChart(self.url, name, version)
            Destination(self.url).push(published, self._package(name, version, needs))

    def needing(self, *needs: str, **conditions: str) -> str:
        """The dependencies of a `Chart.yaml`."""
        return f"dependencies: {json.dumps([self._need(each, **conditions) for each in needs])}\n"

    def _package(self, name: str, version: str, needs: list[str]) -> bytes:
        metadata = {"apiVersion": "v2", "name": name, "version": version}
        files = {
            "Chart.yaml": json.dumps({**metadata, "dependencies": [self._need(each) for each in needs]}),
            "templates/_name.tpl": f'{{{{ define "{name}.version" }}}}{version}{{{{ end }}}}',
            "templates/uses.yaml": "\n".join(
                f'{{{{ include "{each.split()[0]}.version" . }}}}' for each in needs
            ),
        }
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:gz") as archive:
            for path, text in files.items():
                member = tarfile.TarInfo(f"{name}/{path}")
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
        return stream.getvalue()

    def _need(self, need: str, **conditions: str) -> dict[str, str]:
        name, _, constraint = need.partition(" ")
        condition = {"condition": conditions[name]} if name in conditions else {}
        return {"name": name, "version": constraint, "repository": self.url, **condition}


@contextmanager
def publishing() -> Iterator[Hub]:
    """A hub that answers while the block runs."""
    with serving() as registry:
        yield Hub(registry)
