"""A chart as data: metadata, repositories, constraints, locks, the dependency graph, conflicts, drawing."""

from deploy_orchestrator.charts.analysis import Analysis, Contents, analyze
from deploy_orchestrator.charts.assemble import assemble
from deploy_orchestrator.charts.catalog import Catalog
from deploy_orchestrator.charts.closure import Closure, Need, Node, Problem, Unresolved
from deploy_orchestrator.charts.conditions import enabled, switched
from deploy_orchestrator.charts.conflicts import Conflict, Requirement, conflicts
from deploy_orchestrator.charts.constraint import Bounds, Constraint, ConstraintError
from deploy_orchestrator.charts.drawing import FORMATS, draw
from deploy_orchestrator.charts.errors import (
    ChartError,
    ChartInvalid,
    ChartNotFound,
    ChartsMeet,
    DependencyCycle,
    DigestMismatch,
    IndexInvalid,
    RepositoryError,
    RepositoryUnreachable,
    UnsafeChart,
    VersionNotFound,
)
from deploy_orchestrator.charts.explain import explain
from deploy_orchestrator.charts.fix import Change, Fix, find_fix
from deploy_orchestrator.charts.harm import Harm, worst
from deploy_orchestrator.charts.impact import (
    ABSENT,
    ChartChange,
    Impact,
    ValueChange,
    broken,
    changed_values,
    impact,
    is_set,
)
from deploy_orchestrator.charts.load import Chart, load, load_package, unpacked
from deploy_orchestrator.charts.locate import locate
from deploy_orchestrator.charts.lock import LockFinding, LockProblem, check_lock
from deploy_orchestrator.charts.lock_update import lock_as_yaml, update_lock, write_lock
from deploy_orchestrator.charts.metadata import ChartMetadata, Dependency, Lock, LockedDependency
from deploy_orchestrator.charts.mirror import Copy, CopyState, mirror
from deploy_orchestrator.charts.outdated import DependencyVersions, Upgrades, outdated
from deploy_orchestrator.charts.package import packaged
from deploy_orchestrator.charts.pinned import pinned
from deploy_orchestrator.charts.published import ChartIdentity, PublishedChart
from deploy_orchestrator.charts.push import Destination
from deploy_orchestrator.charts.repositories import Repositories
from deploy_orchestrator.charts.resolve import Resolver, resolve
from deploy_orchestrator.charts.templates import (
    Clash,
    Definition,
    Duplicate,
    Located,
    Owner,
    Replacement,
    clashes,
    duplicates,
    harm_among,
    proof,
)
from deploy_orchestrator.charts.upgrade import Upgrade, compare, target, upgrade
from deploy_orchestrator.charts.values import layered
from deploy_orchestrator.charts.version import Version, VersionError
from deploy_orchestrator.charts.web import Offline

__all__ = [
    "ABSENT",
    "FORMATS",
    "Analysis",
    "Bounds",
    "Catalog",
    "Change",
    "Chart",
    "ChartChange",
    "ChartError",
    "ChartIdentity",
    "ChartInvalid",
    "ChartMetadata",
    "ChartNotFound",
    "ChartsMeet",
    "Clash",
    "Closure",
    "Conflict",
    "Constraint",
    "ConstraintError",
    "Contents",
    "Copy",
    "CopyState",
    "Definition",
    "Dependency",
    "DependencyCycle",
    "DependencyVersions",
    "Destination",
    "DigestMismatch",
    "Duplicate",
    "Fix",
    "Harm",
    "Impact",
    "IndexInvalid",
    "Located",
    "Lock",
    "LockFinding",
    "LockProblem",
    "LockedDependency",
    "Need",
    "Node",
    "Offline",
    "Owner",
    "Problem",
    "PublishedChart",
    "Replacement",
    "Repositories",
    "RepositoryError",
    "RepositoryUnreachable",
    "Requirement",
    "Resolver",
    "Unresolved",
    "UnsafeChart",
    "Upgrade",
    "Upgrades",
    "ValueChange",
    "Version",
    "VersionError",
    "VersionNotFound",
    "analyze",
    "assemble",
    "broken",
    "changed_values",
    "check_lock",
    "clashes",
    "compare",
    "conflicts",
    "draw",
    "duplicates",
    "enabled",
    "explain",
    "find_fix",
    "harm_among",
    "impact",
    "is_set",
    "layered",
    "load",
    "load_package",
    "locate",
    "lock_as_yaml",
    "mirror",
    "outdated",
    "packaged",
    "pinned",
    "proof",
    "resolve",
    "switched",
    "target",
    "unpacked",
    "update_lock",
    "upgrade",
    "worst",
    "write_lock",
]
