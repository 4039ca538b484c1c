"""A registry on this machine with small charts that need each other."""

import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from deploy_orchestrator.charts import MirrorTarget, PublishedChart
from tests.carried import carried_by
from tests.registry import Registry, serving


@dataclass(frozen=True)
class Hub:
    """Charts can be published at any time, as `name@version` with what each needs, `name constraint`.

    A package carries what it needs, as far as that is published.
    """

    registry: Registry
    packages: dict[str, bytes] = field(default_factory=dict[str, bytes])

    @property
    def url(self) -> str:
        return f"oci://{self.registry.host}/hub"

    def publish(self, charts: dict[str, list[str]]) -> None:
        for chart in charts:
            self._publish(chart, charts)

    def _publish(self, chart: str, charts: dict[str, list[str]]) -> None:
        if chart in self.packages:
            return
        name, _, version = chart.partition("@")
        needs = [(each.partition(" ")[0], each.partition(" ")[2]) for each in charts[chart]]
        carried = carried_by(needs, [*charts, *self.packages])
        for each in carried:
            self._publish(each, charts)
        self.packages[chart] = self._package(name, version, charts[chart], carried)
        MirrorTarget(self.url).push(PublishedChart(self.url, name, version), self.packages[chart])

    def needing(self, *needs: str, **conditions: str) -> str:
        """The dependencies of a `Chart.yaml`."""
        return f"dependencies: {json.dumps([self._need(each, **conditions) for each in needs])}\n"

    def _package(self, name: str, version: str, needs: list[str], carried: list[str]) -> bytes:
        metadata = {"apiVersion": "v2", "name": name, "version": version}
        texts = {
            "Chart.yaml": json.dumps({**metadata, "dependencies": [self._need(each) for each in needs]}),
            "templates/_name.tpl": f'{{{{ define "{name}.version" }}}}{version}{{{{ end }}}}',
            "templates/uses.yaml": "\n".join(
                f'{{{{ include "{each.split()[0]}.version" . }}}}' for each in needs
            ),
        }
        files = {path: text.encode() for path, text in texts.items()}
        files |= {f"charts/{each.replace('@', '-')}.tgz": self.packages[each] for each in carried}
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:gz") as archive:
            for path, data in files.items():
                member = tarfile.TarInfo(f"{name}/{path}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
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
