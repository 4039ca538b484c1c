"""What the software is told, one name and value at a time, and which of it is known to do no harm."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, cast

from deploy_orchestrator.risk.stores import DATABASE_PORTS, PORTS
from deploy_orchestrator.risk.tools import tool_in
from deploy_orchestrator.terms import names_a_secret, quantity

_WORD: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_FLAG: Final = re.compile(r"--?(?P<name>[A-Za-z][\w.-]*)=(?P<value>.*)", re.DOTALL)
_BARE: Final = re.compile(r"--?[A-Za-z][\w.-]*")
_LEVELS: Final = frozenset(
    [
        "critical",
        "crit",
        "debug",
        "error",
        "err",
        "fatal",
        "finest",
        "fine",
        "info",
        "information",
        "notice",
        "off",
        "panic",
        "trace",
        "verbose",
        "warn",
        "warning",
    ]
)
_NOTHING_OR_CONTENTS: Final = frozenset({"off", "8", "9"})
"""Levels by which nothing is logged, or what requests hold, Secrets too:
https://kubernetes.io/docs/reference/kubectl/quick-reference/#kubectl-output-verbosity-and-debugging.
"""
_FORMATS: Final = frozenset(["color", "console", "json", "line", "logfmt", "plain", "pretty", "text"])
_PROSE: Final = re.compile(r"[A-Za-z][A-Za-z0-9 ,!?'’()-]{0,199}\.?")
_GUARDS: Final = frozenset({"audit", "auth", "security"})
_STORES: Final = frozenset(
    [
        "amqp",
        "arangodb",
        "aurora",
        "azure",
        "bigquery",
        "blob",
        "broker",
        "bucket",
        "cassandra",
        "clickhouse",
        "cockroach",
        "cosmos",
        "couchbase",
        "couchdb",
        "database",
        "datasource",
        "db",
        "dsn",
        "dynamo",
        "dynamodb",
        "elasticsearch",
        "etcd",
        "firestore",
        "gcs",
        "influx",
        "influxdb",
        "jdbc",
        "kafka",
        "mariadb",
        "memcache",
        "memcached",
        "metastore",
        "minio",
        "mongo",
        "mongodb",
        "mssql",
        "mysql",
        "nats",
        "neo",
        "opensearch",
        "oracle",
        "pg",
        "pgdata",
        "postgres",
        "postgresql",
        "pulsar",
        "queue",
        "rabbitmq",
        "rds",
        "redis",
        "redshift",
        "scylla",
        "snowflake",
        "solr",
        "spanner",
        "sqlalchemy",
        "storage",
        "valkey",
        "zookeeper",
    ]
)
_PRODUCT: Final = (
    r"cassandra|clickhouse|cockroach(?:db)?|couchdb|elasticsearch|mariadb|mongo(?:db)?|mssql|mysql|neo4j|"
    r"maxscale|opensearch|oracle|pg(?:bouncer|cat|pool|sql)|postgres(?:ql)?|scylla|sqlite|sqlserver"
)
_NAMES_PRODUCT: Final = re.compile(rf"(?<![a-z])(?:{_PRODUCT})(?![a-z])", re.IGNORECASE)
"""Databases by name, whoever runs them: `AZURE_POSTGRESQL_HOST`, `postgresql+psycopg2`."""

_TELLS_DATABASE: Final = re.compile(
    r"(?<![a-z])(?:db_?(?:host|name|pass(?:word)?|uri|url|user)|pg_\w+|psql)(?![a-z])", re.IGNORECASE
)
"""Words of a text that are about a database: `'dbhost' =>`, `pg_isready -h orders`."""

_PASSING: Final = frozenset(
    [
        "amqp",
        "azure",
        "blob",
        "broker",
        "bucket",
        "cache",
        "gcs",
        "kafka",
        "memcache",
        "memcached",
        "minio",
        "nats",
        "pulsar",
        "queue",
        "rabbitmq",
        "redis",
        "storage",
        "valkey",
        "zookeeper",
    ]
)
"""Words for what keeps data without a schema of its user's, so that nobody migrates it."""

_OF_DATABASE: Final = re.compile(r"(?:db|my|pg|postgres|ms)(?:sql)?(?:host|name|password|uri|url|user)")
"""What a word is where it says in one what of a database it is: `pghost`, `dburl`."""

_CALLED: Final = re.compile(r"\w{0,40}sql\w{0,40}|\w{0,40}db")
_ADDRESSES: Final = frozenset(
    [
        "addr",
        "address",
        "addresses",
        "addrs",
        "brokers",
        "conn",
        "connection",
        "dsn",
        "endpoint",
        "endpoints",
        "host",
        "hostname",
        "hosts",
        "pghost",
        "seeds",
        "server",
        "servers",
        "uri",
        "url",
        "urls",
    ]
)
_DATABASE_URL: Final = re.compile(
    r"\b(?:jdbc:|(?:cassandra|clickhouse|mariadb|mongodb|mssql|mysql|oracle|postgres(?:ql)?|sqlite)"
    r"(?:\+[a-z0-9+]+)?://)|\b(?:database|initial catalog)\s*=",
    re.IGNORECASE,
)
_STORE_URL: Final = re.compile(
    r"\b(?:jdbc:|(?:amqps?|cassandra|clickhouse|etcd|gs|kafka|mariadb|memcached|mongodb|mssql|mysql|nats|oracle|"
    r"postgres(?:ql)?|pulsar|rediss?|s3|sqlite|wasbs?)(?:\+[a-z0-9+]+)?://)",
    re.IGNORECASE,
)

_CONNECTIONS: Final = ("connectionstring", "datasource")
_PORT_OF_HOST: Final = re.compile(
    r"(?<![\w.-])(?:[A-Za-z][\w.-]{0,252}|\d{1,3}(?:\.\d{1,3}){3}):(\d{1,5})(?![\w.])"
)

Words = tuple[str, ...]


ANYTHING: Final = "*"


@dataclass(frozen=True)
class Secret:
    """A value that a Secret holds, or a ConfigMap that is made elsewhere, of which its name is known, and
    mostly the key: `ANYTHING` for what stands under keys that nobody knows.
    """

    of: tuple[str, ...]

    def __str__(self) -> str:
        return f"Secret {'/'.join(self.of)}"


_OF_ONE_LOGGER: Final[Words] = ("logging", "level")
"""How Spring names the level of one logger: `logging.level.org.acme`, `LOGGING_LEVEL_ORG_ACME`."""

_SHORT: Final = {"v": "verbosity"}
"""Flags of one letter of which all that use `glog` and `klog` say the same, where a digit follows."""


@dataclass(frozen=True)
class Setting:
    """A name of which the software reads another value than before; None where it is not set.

    `apart`: the value stands behind the name as a word of its own, and may be none of it.
    """

    name: str
    before: Any
    after: Any
    apart: bool = False

    @cached_property
    def words(self) -> Words:
        """The words of the name, as `("log", "level")` of `LOG_LEVEL`, `log.level`, `logLevel`."""
        return words_of(self.name)

    @property
    def values(self) -> tuple[Any, ...]:
        return tuple(value for value in (self.before, self.after) if value is not None)

    @property
    def is_secret(self) -> bool:
        return names_a_secret(self.name)

    @property
    def is_store(self) -> bool:
        """Whether name or value tells where data is kept, or how to get at it."""
        said = not _STORES.isdisjoint(self.words) or any(_STORE_URL.search(str(each)) for each in self.values)
        return said or self._is_at(PORTS) or self.is_database

    @property
    def is_database(self) -> bool:
        """Whether it tells of a database, which much software brings to its own version when it starts."""
        said = [str(each).lower() for each in self.values]
        if self.has_database_url or any(map(_NAMES_PRODUCT.search, (self.name, *said))):
            return True
        if not _PASSING.isdisjoint(self.words):
            return False
        return (
            any(map(_is_of_database, (*self.words, *(each for each in said if each not in _PASSING))))
            or any(map(_TELLS_DATABASE.search, said))
            or any(each in "".join(self.words) for each in _CONNECTIONS)
            or tool_in(self.name) is not None
            or self._is_at(DATABASE_PORTS)
            or any(isinstance(each, Secret) and each.of[-1] == ANYTHING for each in self.values)
            or (self.words[-1:] == ("port",) and any(each in map(str, DATABASE_PORTS) for each in said))
        )

    def _is_at(self, ports: Collection[int]) -> bool:
        """Whether a value names one of these ports of a host."""
        found = (port for each in self.values for port in _PORT_OF_HOST.findall(str(each)))
        return any(int(port) in ports for port in found)

    @property
    def has_database_url(self) -> bool:
        """Whether a value says in itself where a database is."""
        return any(_DATABASE_URL.search(str(each)) for each in self.values)

    @property
    def is_of_secret(self) -> bool:
        """Whether it is said in a Secret."""
        return any(isinstance(each, Secret) for each in self.values)

    @property
    def is_address(self) -> bool:
        """Whether it says where something is: its name ends like that of an address, or it is a URL."""
        said = self.words[-1:] and self.words[-1] in _ADDRESSES
        return bool(said) or any("://" in str(each) for each in self.values) or self._is_at(PORTS)

    @property
    def harmless(self) -> str | None:
        """What the setting is, where both its name and its values show that it does no harm."""
        if self.is_secret or not self.values or not _GUARDS.isdisjoint(self.words):
            return None
        if self.words[:2] == _OF_ONE_LOGGER and _is_level(self):
            return "how much it logs"
        for says, endings, proves in _HARMLESS:
            if any(self.words[-len(ending) :] == ending for ending in endings) and proves(self):
                return says
        return None


def _is_of_database(word: str) -> bool:
    return word in _STORES or bool(_OF_DATABASE.fullmatch(word) or _CALLED.fullmatch(word))


def words_of(name: str) -> Words:
    """The words of a name in lower case, however they are put together."""
    return tuple(word.lower() for word in _WORD.findall(name))


def is_own_bound(name: str, source: Mapping[str, Any]) -> bool:
    """Whether a name is that of a bound which software may be told of its own container, and the
    `resourceFieldRef` of `source` is what bounds that, in units of one: `GOMEMLIMIT` and `limits.memory`.
    """
    asked = source.get("resourceFieldRef")
    if not isinstance(asked, Mapping):
        return False
    field: dict[str, Any] = {**cast(Mapping[str, Any], asked)}
    bounds = {"gomaxprocs": ("limits.cpu", "requests.cpu"), "gomemlimit": ("limits.memory",)}
    return (
        field.get("resource") in bounds.get("_".join(words_of(name)), ())
        and "containerName" not in field
        and str(field.get("divisor", 0)) in {"0", "1"}
    )


def _is_level(setting: Setting) -> bool:
    """Whether it may be how much is logged, and something still is, but not what requests hold."""
    known = all(str(each).lower() in _LEVELS or re.fullmatch(r"\d", str(each)) for each in setting.values)
    return known and str(setting.after).lower() not in _NOTHING_OR_CONTENTS


def _is_format(setting: Setting) -> bool:
    return all(str(each).lower() in _FORMATS for each in setting.values)


def _is_near(setting: Setting) -> bool:
    before, after = quantity(setting.before), quantity(setting.after)
    return before is not None and after is not None and 0 < before <= after * 2 <= before * 4


def _is_prose(setting: Setting) -> bool:
    """Whether it may be any words; a word behind `--no-banner` may be the name of a command."""
    return not (setting.apart or setting.is_store) and all(
        isinstance(each, str) and _PROSE.fullmatch(each) for each in setting.values
    )


_HARMLESS: Final[tuple[tuple[str, frozenset[Words], Callable[[Setting], bool]], ...]] = (
    (
        "how much it logs",
        frozenset(
            {
                ("log", "level"),
                ("log", "verbosity"),
                ("logging", "level"),
                ("loglevel",),
                ("rust", "log"),
                ("verbosity",),
            }
        ),
        _is_level,
    ),
    (
        "how its log looks",
        frozenset({("log", "format"), ("logging", "format"), ("logformat",), ("log", "encoding")}),
        _is_format,
    ),
    ("how many processors it uses", frozenset({("gomaxprocs",)}), _is_near),
    (
        "what it shows to people",
        frozenset({("banner",), ("greeting",), ("motd",), ("tagline",), ("title",)}),
        _is_prose,
    ),
)
"""What a setting is by the end of its name, and what its values must look like for that.

Processors may become twice as many or half as many: what is used of them is bounded by the resources. A
number of workers or connections is not here: each takes memory, and a place at a database that has so many.
"""


def flags(before: Sequence[Any], after: Sequence[Any]) -> list[Setting]:
    """The settings in which two argument lists differ; none where they differ in anything but flags.

    A flag is `--name=value` once, or `--name` with its value behind it on both sides.
    """
    told = [[_FLAG.fullmatch(str(each)) for each in side] for side in (before, after)]
    named = [{_called(flag): flag["value"] for flag in side if flag} for side in told]
    rest = [
        [each for each, flag in zip(side, flags, strict=True) if flag is None]
        for side, flags in zip((before, after), told, strict=True)
    ]
    if any(
        len(names) + len(others) < len(side) for names, others, side in zip(named, rest, told, strict=True)
    ):
        return []
    if rest[0] == rest[1]:
        return between(*named) if _in_order(told) else []
    if len(before) != len(after):
        return []
    found = [
        (str(ahead), was, now)
        for ahead, was, now in zip(["", *before], before, after, strict=False)
        if was != now
    ]
    if not all(_BARE.fullmatch(ahead) for ahead, _, _ in found):
        return []
    return [Setting(ahead.lstrip("-"), was, now, apart=True) for ahead, was, now in found]


def _in_order(told: Sequence[Sequence[re.Match[str] | None]]) -> bool:
    """Whether the flags on both sides come in the same order, also with what is none between them: before
    `--` or the name of a command a flag is another thing than behind it, and of some the first counts.
    """
    said = [[_called(flag) if flag else None for flag in side] for side in told]
    both = {None, *said[0]} & {None, *said[1]}
    old, new = ([each for each in side if each in both] for side in said)
    return old == new


def _called(flag: re.Match[str]) -> str:
    return _SHORT.get(flag["name"], flag["name"]) if flag["value"].isdecimal() else flag["name"]


def between(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Setting]:
    """The settings that differ between two sets of names and values."""
    return [
        Setting(name, before.get(name), after.get(name))
        for name in sorted({**before, **after})
        if repr(before.get(name)) != repr(after.get(name)) or (name in before) != (name in after)
    ]
