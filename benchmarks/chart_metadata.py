"""Make Helm repository indexes of recorded chart metadata: one JSON object a line, one file a repository.

python benchmarks/chart_metadata.py FOLDER INTO             an index for each repository, as JSON
python benchmarks/chart_metadata.py FOLDER INTO --yaml      as YAML, laid out as `helm repo index` does
python benchmarks/chart_metadata.py FOLDER INTO --cases CASES
                                                            only the charts that these cases need, gzipped,
                                                            and the locks that the charts were built with
"""

import argparse
import gzip
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from deploy_orchestrator.charts import ChartIdentity, Constraint, Repositories, Version, VersionError
from deploy_orchestrator.charts.graph.closure import Closure
from deploy_orchestrator.charts.graph.resolve import Resolver
from deploy_orchestrator.charts.sources.catalog import Catalog
from deploy_orchestrator.documents import dump

Row = Mapping[str, Any]

URLS = {
    "Alfresco/alfresco-helm-charts": ["https://alfresco.github.io/alfresco-helm-charts"],
    "DataDog/helm-charts": ["https://helm.datadoghq.com"],
    "Kong/charts": ["https://charts.konghq.com"],
    "SigNoz/charts": ["https://charts.signoz.io"],
    "VictoriaMetrics/helm-charts": [
        "https://victoriametrics.github.io/helm-charts",
        "oci://ghcr.io/victoriametrics/helm-charts",
    ],
    "airbytehq/airbyte-platform": ["https://airbytehq.github.io/helm-charts"],
    "apache/apisix-helm-chart": ["https://charts.apiseven.com"],
    "apache/pulsar-helm-chart": ["https://pulsar.apache.org/charts"],
    "argoproj/argo-helm": ["https://argoproj.github.io/argo-helm", "oci://ghcr.io/argoproj/argo-helm"],
    "bitnami/charts": [
        "https://charts.bitnami.com/bitnami",
        "oci://registry-1.docker.io/bitnamicharts",
        "https://raw.githubusercontent.com/bitnami/charts/archive-full-index/bitnami",
        "https://raw.githubusercontent.com/bitnami/charts/pre-2022/bitnami",
        "https://raw.githubusercontent.com/bitnami/charts/eb5f9a9513d987b519f0ecd732e7031241c50328/bitnami",
    ],
    "bjw-s/helm-charts": ["https://bjw-s.github.io/helm-charts"],
    "cert-manager/cert-manager": ["https://charts.jetstack.io"],
    "codecentric/helm-charts": ["https://codecentric.github.io/helm-charts"],
    "community-charts/helm-charts": ["https://community-charts.github.io/helm-charts"],
    "confluentinc/cp-helm-charts": ["https://confluentinc.github.io/cp-helm-charts"],
    "eclipse/packages": ["https://eclipse.org/packages/charts", "https://www.eclipse.org/packages/charts"],
    "elastic/helm-charts": ["https://helm.elastic.co"],
    "falcosecurity/charts": ["https://falcosecurity.github.io/charts"],
    "grafana/helm-charts": ["https://grafana.github.io/helm-charts", "oci://ghcr.io/grafana/helm-charts"],
    "hashicorp/vault-helm": ["https://helm.releases.hashicorp.com"],
    "helm/charts": [
        "https://kubernetes-charts.storage.googleapis.com",
        "https://charts.helm.sh/stable",
        "http://storage.googleapis.com/kubernetes-charts",
        "https://kubernetes-charts-incubator.storage.googleapis.com",
        "https://charts.helm.sh/incubator",
        "http://storage.googleapis.com/kubernetes-charts-incubator",
        "@stable",
        "@incubator",
    ],
    "influxdata/helm-charts": ["https://helm.influxdata.com"],
    "jenkinsci/helm-charts": ["https://charts.jenkins.io"],
    "k8s-at-home/charts": ["https://k8s-at-home.com/charts"],
    "k8s-at-home/library-charts": ["https://library-charts.k8s-at-home.com"],
    "kubernetes/ingress-nginx": ["https://kubernetes.github.io/ingress-nginx"],
    "milvus-io/milvus-helm": ["https://milvus-io.github.io/milvus-helm"],
    "minio/minio": ["https://charts.min.io"],
    "nats-io/k8s": ["https://nats-io.github.io/k8s/helm/charts"],
    "newrelic/helm-charts": ["https://helm-charts.newrelic.com", "https://newrelic.github.io/helm-charts"],
    "open-telemetry/opentelemetry-helm-charts": [
        "https://open-telemetry.github.io/opentelemetry-helm-charts",
        "oci://ghcr.io/open-telemetry/opentelemetry-helm-charts",
    ],
    "opensearch-project/helm-charts": ["https://opensearch-project.github.io/helm-charts"],
    "openstack/openstack-helm": ["http://localhost:8879/charts"],
    "prometheus-community/helm-charts": [
        "https://prometheus-community.github.io/helm-charts",
        "oci://ghcr.io/prometheus-community/charts",
    ],
    "redpanda-data/helm-charts": ["https://charts.redpanda.com"],
    "sentry-kubernetes/charts": ["https://sentry-kubernetes.github.io/charts"],
    "traefik/traefik-helm-chart": ["https://traefik.github.io/charts", "https://helm.traefik.io/traefik"],
    "vmware-tanzu/helm-charts": ["https://vmware-tanzu.github.io/helm-charts"],
    "zilliztech/milvus-helm": ["https://zilliztech.github.io/milvus-helm"],
}
"""The URLs under which charts name these repositories, the first being the one they are published at."""


def urls(source: str) -> list[str]:
    """The URLs of a repository, the first being its own."""
    return URLS.get(source) or [f"https://{source.replace('/', '.github.io/')}".lower()]


def file_name(source: str) -> str:
    return source.replace("/", "+")


def mirrors(folder: Path, suffix: str = ".json") -> dict[str, str]:
    """Where `Repositories` finds the indexes that were written to `folder`."""
    return {
        url: str(index)
        for index in sorted(folder.glob(f"*{suffix}"))
        for url in urls(index.name.removesuffix(suffix).replace("+", "/", 1))
    }


def rows(folder: Path) -> Iterator[Row]:
    """Every chart version that was recorded."""
    for file in sorted((folder / "charts").glob("*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def entry(row: Row) -> dict[str, Any]:
    """One entry of an index."""
    kept = ("apiVersion", "name", "version", "appVersion", "kubeVersion", "type", "created")
    found: dict[str, Any] = {key: row[key] for key in kept if row.get(key)}
    found["urls"] = [f"{row['name']}-{row['version']}.tgz"]
    if str(row.get("deprecated", "")).lower() == "true":
        found["deprecated"] = True
    if row.get("dependencies"):
        found["dependencies"] = [
            {key: value for key, value in dependency.items() if key != "importValues" and value is not None}
            for dependency in row["dependencies"]
        ]
    return found


def indexes(found: Iterable[Row]) -> dict[str, dict[str, Any]]:
    """An index for each source repository."""
    sources: defaultdict[str, defaultdict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in found:
        sources[row["source"]][row["name"]].append(entry(row))
    return {source: {"apiVersion": "v1", "entries": dict(entries)} for source, entries in sources.items()}


def needed(found: list[Row], built: Iterable["Built"], closures: Iterable[Closure]) -> list[Row]:
    """Every version of the charts in these."""
    names = {(node.repository, node.name) for closure in closures for node in closure.graph}
    below = list(built)
    while below:
        one = below.pop()
        names.add((urls(one["source"])[0], one["Chart.yaml"]["name"]))
        below += one["charts"]
    return [row for row in found if (urls(row["source"])[0], row["name"]) in names]


Built = dict[str, Any]
"""A chart as it was packaged: its `source`, `Chart.yaml` and `Chart.lock`, and the `charts` in it."""


class Builder:
    """Packages recorded charts as they were at the time.

    A dependency is the version in the lock if its constraint allows that, else the highest one allowed that
    is not newer than the chart itself.
    """

    def __init__(self, found: Iterable[Row]) -> None:
        self.rows: defaultdict[tuple[str, str], dict[str, Row]] = defaultdict(dict)
        for row in found:
            self.rows[row["source"], row["name"]][row["version"]] = row
        self.sources = {url: source for source in {source for source, _ in self.rows} for url in urls(source)}

    def build(self, source: str, name: str, version: str) -> Built:
        """One version of a chart with everything in it."""
        row = self.rows[source, name][version]
        metadata = {key: value for key, value in entry(row).items() if key not in ("urls", "created")}
        lock = row.get("lock")
        charts: list[Built] = []
        for dependency in row.get("dependencies", ()):
            url = (dependency.get("repository") or "").rstrip("/")
            where = self.sources.get(url, source if not url or url.startswith("file://") else "")
            chosen = self._choose(row, dependency, where)
            if chosen:
                charts.append(self.build(where, dependency["name"], chosen))
        return {"source": source, "Chart.yaml": metadata, "Chart.lock": lock, "charts": charts}

    def _choose(self, row: Row, dependency: Row, source: str) -> str | None:
        constraint = Constraint.parse(dependency.get("version") or "")
        known = self.rows.get((source, dependency["name"]), {})
        for locked in (row.get("lock") or {}).get("dependencies", ()):
            if locked["name"] == dependency["name"] and constraint.allows(locked["version"]):
                return locked["version"] if locked["version"] in known else None
        allowed = [
            version
            for version, other in known.items()
            if _is_version(version)
            and constraint.allows(version)
            and other.get("created", "") <= row.get("created", "9")
        ]
        return max(allowed, key=Version.parse, default=None)


def _is_version(text: str) -> bool:
    try:
        Version.parse(text)
    except VersionError:
        return False
    return True


def main() -> None:
    """Read the command line and write the files."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("into", type=Path)
    arguments.add_argument("--yaml", action="store_true")
    arguments.add_argument("--cases", type=Path)
    given = arguments.parse_args()
    given.into.mkdir(parents=True, exist_ok=True)
    found = list(rows(given.folder))
    if given.cases:
        write_cases(found, json.loads(given.cases.read_text()), given.into)
        return
    for source, index in indexes(found).items():
        if given.yaml:
            (given.into / f"{file_name(source)}.yaml").write_bytes(dump(index))
        else:
            (given.into / f"{file_name(source)}.json").write_text(json.dumps(index))


def write_cases(found: list[Row], cases: list[Row], into: Path) -> None:
    """Write the indexes that `cases` need, and their charts as they were built."""
    builder = Builder(found)
    built = [builder.build(case["source"], case["chart"], case["version"]) for case in cases]
    conflicting = [case for case in cases if case["what"].startswith("library-conflict:")]
    for case, one in zip(cases, built, strict=True):
        if case not in conflicting:
            one["charts"] = []
    with tempfile.TemporaryDirectory() as everything:
        for source, index in indexes(found).items():
            (Path(everything) / f"{file_name(source)}.json").write_text(json.dumps(index))
        resolver = Resolver(Catalog(Repositories(mirrors(Path(everything)))))
        roots = [
            resolver.catalog.exactly(ChartIdentity(urls(case["source"])[0], case["chart"]), case["version"])
            for case in conflicting
        ]
        kept = indexes(needed(found, built, map(resolver.closure, roots)))
    for source, index in kept.items():
        write_json(into / f"{file_name(source)}.json.gz", index)
    places = {url: f"{file_name(source)}.json.gz" for source in kept for url in urls(source)}
    write_json(into / "repositories.json.gz", places)
    write_json(into / "built.json.gz", built)
    write_json(into / "cases.json.gz", cases)


def write_json(file: Path, value: Any) -> None:
    """Write `value` gzipped, equal values as equal bytes."""
    text = json.dumps(value, separators=(",", ":"), sort_keys=True)
    file.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
