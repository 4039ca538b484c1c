"""Software that keeps data on disk, and how much of its version may change with the data as it is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Numbers = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Store:
    """How many leading `numbers` of a version stand for a format of data, after `source`.

    A release that keeps them can be gone back from; any other may leave data that the one before cannot
    read. `since` has another answer from a version on, the last that applies counts.
    """

    numbers: int
    source: str
    since: tuple[tuple[Numbers, int], ...] = ()

    def significant(self, version: Numbers) -> int:
        return next((count for first, count in reversed(self.since) if version >= first), self.numbers)


_REDIS = Store(2, "https://github.com/redis/redis/issues/14064")
_MONGODB = Store(2, "https://www.mongodb.com/docs/manual/reference/versioning/")
_MYSQL = Store(
    2,
    "https://dev.mysql.com/doc/refman/8.4/en/downgrading.html",
    since=(((8, 0), 3), ((8, 1), 2)),
)
_POSTGRESQL = Store(2, "https://www.postgresql.org/support/versioning/", since=(((10,), 1),))
_OPENSEARCH = Store(2, "https://docs.opensearch.org/latest/install-and-configure/upgrade-opensearch/")
_SCYLLA = Store(2, "https://docs.scylladb.com/stable/versioning/upgrade-policy.html")
_CLICKHOUSE = Store(2, "https://clickhouse.com/docs/operations/update")
_GITEA = Store(2, "https://docs.gitea.com/installation/upgrade-from-gitea")
_FORGEJO = Store(2, "https://forgejo.org/docs/latest/admin/upgrade/")

STORES: Final[Mapping[str, Store]] = {
    "alertmanager": Store(1, "https://github.com/prometheus/alertmanager/blob/main/CHANGELOG.md"),
    "arangodb": Store(2, "https://docs.arangodb.com/stable/operations/upgrading/"),
    "cassandra": Store(2, "https://github.com/apache/cassandra/blob/trunk/NEWS.txt"),
    "clickhouse": _CLICKHOUSE,
    "cockroach": Store(2, "https://www.cockroachlabs.com/docs/stable/upgrade-cockroach-version"),
    "cockroachdb": Store(2, "https://www.cockroachlabs.com/docs/stable/upgrade-cockroach-version"),
    "consul": Store(2, "https://developer.hashicorp.com/consul/docs/upgrade"),
    "couchbase": Store(2, "https://docs.couchbase.com/server/current/install/upgrade.html"),
    "couchdb": Store(2, "https://docs.couchdb.org/en/stable/install/upgrading.html"),
    "elasticsearch": Store(
        2, "https://www.elastic.co/docs/deploy-manage/upgrade/deployment-or-cluster/elasticsearch"
    ),
    "etcd": Store(2, "https://etcd.io/docs/v3.6/downgrades/"),
    "forgejo": _FORGEJO,
    "gitea": _GITEA,
    "gitlab": Store(2, "https://docs.gitlab.com/update/"),
    "grafana": Store(2, "https://grafana.com/docs/grafana/latest/upgrade-guide/when-to-upgrade/"),
    "harbor": Store(2, "https://goharbor.io/docs/main/administration/upgrade/"),
    "influxdb": Store(2, "https://docs.influxdata.com/influxdb/v2/install/upgrade/"),
    "kafka": Store(2, "https://kafka.apache.org/documentation/#upgrade"),
    "keycloak": Store(2, "https://www.keycloak.org/docs/latest/upgrading/"),
    "keydb": _REDIS,
    "langfuse": Store(2, "https://langfuse.com/self-hosting/upgrade"),
    "mariadb": Store(2, "https://mariadb.com/kb/en/downgrading-between-major-versions-of-mariadb/"),
    "mattermost": Store(2, "https://docs.mattermost.com"),
    "meilisearch": Store(2, "https://www.meilisearch.com/docs/learn/update_and_migration/updating"),
    "metabase": Store(
        2, "https://www.metabase.com/docs/latest/installation-and-operation/upgrading-metabase"
    ),
    "minio": Store(
        3, "https://min.io/docs/minio/linux/operations/install-deploy-manage/upgrade-minio-deployment.html"
    ),
    "mongo": _MONGODB,
    "mongodb": _MONGODB,
    "mssql": Store(
        1,
        "https://learn.microsoft.com/sql/database-engine/install-windows/supported-version-and-edition-upgrades",
    ),
    "mysql": _MYSQL,
    "n8n": Store(2, "https://docs.n8n.io/hosting/installation/updating/"),
    "nats": Store(2, "https://docs.nats.io/release-notes/whats_new/whats_new_210"),
    "neo4j": Store(2, "https://neo4j.com/docs/upgrade-migration-guide/current/"),
    "openbao": Store(2, "https://openbao.org/docs/upgrading/"),
    "opensearch": _OPENSEARCH,
    "percona": _MYSQL,
    "pgvector": _POSTGRESQL,
    "postgis": _POSTGRESQL,
    "postgres": _POSTGRESQL,
    "postgresql": _POSTGRESQL,
    "prometheus": Store(1, "https://prometheus.io/docs/prometheus/latest/stability/"),
    "pulsar": Store(2, "https://pulsar.apache.org/docs/administration-upgrade/"),
    "qdrant": Store(2, "https://qdrant.tech/documentation/upgrades/"),
    "rancher": Store(
        2,
        "https://ranchermanager.docs.rancher.com/getting-started/installation-and-upgrade/install-upgrade-on-a-kubernetes-cluster/rollbacks",
    ),
    "rabbitmq": Store(2, "https://www.rabbitmq.com/docs/upgrade"),
    "redis": _REDIS,
    "redpanda": Store(2, "https://docs.redpanda.com/current/upgrade/rolling-upgrade/"),
    "scylla": _SCYLLA,
    "scylladb": _SCYLLA,
    "sentry": Store(2, "https://develop.sentry.dev/self-hosted/releases/"),
    "solr": Store(2, "https://solr.apache.org/guide/solr/latest/upgrade-notes/solr-upgrade-notes.html"),
    "sonarqube": Store(2, "https://docs.sonarsource.com/sonarqube-server/"),
    "spilo": _POSTGRESQL,
    "synapse": Store(2, "https://element-hq.github.io/synapse/latest/upgrade.html"),
    "timescaledb": Store(2, "https://docs.timescale.com/self-hosted/latest/upgrades/"),
    "valkey": Store(2, "https://valkey.io/topics/migration/"),
    "vault": Store(2, "https://developer.hashicorp.com/vault/docs/upgrading"),
    "zabbix": Store(2, "https://www.zabbix.com/documentation/current/en/manual/installation/upgrade"),
    "zitadel": Store(2, "https://zitadel.com/docs"),
    "zookeeper": Store(2, "https://zookeeper.apache.org/doc/current/zookeeperAdmin.html"),
}
"""By a word of the image's name. What migrates a database elsewhere when it starts is here as well."""

UNKNOWN: Final = Store(2, "what no table knows, and keeps data as far as can be seen")
"""Only the patch of what keeps data in an unknown way may change."""

_CALLED: Final = re.compile(r"databases?\d*|\w*db\d*|\w*sql\w*")
"""How databases are called that no table knows: `tidb`, `foundationdb`, `sqlserver`."""

PORTS: Final = frozenset(
    {
        1433,  # SQL Server
        1521,  # Oracle
        2181,  # ZooKeeper
        2379,  # etcd
        3306,  # MySQL
        4222,  # NATS
        5432,  # PostgreSQL
        5672,  # AMQP
        5984,  # CouchDB
        6379,  # Redis
        6650,  # Pulsar
        7687,  # Neo4j
        8086,  # InfluxDB
        8123,  # ClickHouse
        8529,  # ArangoDB
        9042,  # Cassandra
        9092,  # Kafka
        9200,  # Elasticsearch
        26257,  # CockroachDB
        27017,  # MongoDB
    }
)
"""Where stores listen, those that speak as they do included:
https://www.iana.org/assignments/service-names-port-numbers.
"""

DATABASE_PORTS: Final = PORTS - {2181, 2379, 4222, 5672, 6379, 6650, 9092}
"""Those of stores that have a schema of their user's, or documents that one version writes for the next."""

_PUBLISHERS: Final = frozenset({"grafana", "prometheus"})
"""Stores whose name stands before much other software, too: `grafana/promtail`."""

_BESIDE: Final = frozenset({"agent", "box", "exporter", "proxy", "reloader", "runner"})
"""Words for what stands beside a store and is none: `redis_exporter`, `nats-box`, `gitlab-runner`."""

_NOTHING_OF_ITS_OWN: Final = frozenset(
    {"alpine", "bash", "busybox", "curl", "debian", "k8s-sidecar", "kubectl", "os-shell", "ubuntu"}
)
"""Images of plain tools, which bring no format of data: what prepares a volume, mostly."""


def is_beside(repository: str) -> bool:
    """Whether an image is of what stands beside a store or another server, as an exporter or a proxy."""
    return not _BESIDE.isdisjoint(_words(repository.rpartition("/")[2]))


def _words(name: str) -> list[str]:
    return name.replace("_", "-").split("-")


def store_of(repository: str, *, writes: bool) -> Store | None:
    """What an image keeps data as; None where it keeps none.

    `repository` is its name without registry and tag, `writes` whether its container keeps data as far as its
    place tells: it may write to a volume that outlives the pod, has a name of its own, or listens where
    stores do.
    """
    if is_beside(repository):
        return UNKNOWN if writes else None
    *publishers, name = repository.split("/")
    words = _words(name)
    others = (each for each in (*words, *publishers) if each not in _PUBLISHERS.intersection(publishers))
    known = next((each for each in (name, *others) if each in STORES), None)
    if known is not None:
        return STORES[known]
    if any(map(_CALLED.fullmatch, (*words, *publishers))):
        return UNKNOWN
    return UNKNOWN if writes and name not in _NOTHING_OF_ITS_OWN else None
