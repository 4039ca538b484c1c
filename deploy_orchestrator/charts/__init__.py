"""A chart as data: metadata, repositories, constraints, locks, the dependency graph, conflicts, drawing."""

from deploy_orchestrator.charts.assemble import assemble
from deploy_orchestrator.charts.conditions import enabled, switched
from deploy_orchestrator.charts.constraint import Bounds, Constraint, ConstraintError
from deploy_orchestrator.charts.errors import (
    ChartError,
    ChartInvalid,
    ChartNotFound,
    DependencyCycle,
    DigestMismatch,
    IndexInvalid,
    RepositoryError,
    RepositoryUnreachable,
    UnsafeChart,
)
from deploy_orchestrator.charts.harm import Harm, worst
from deploy_orchestrator.charts.load import Chart, load, load_package
from deploy_orchestrator.charts.lock import LockFinding, LockProblem, check_lock
from deploy_orchestrator.charts.lock_update import lock_as_yaml, update_lock, write_lock
from deploy_orchestrator.charts.metadata import ChartMetadata, Dependency, Lock, LockedDependency
from deploy_orchestrator.charts.published import ChartIdentity, PublishedChart
from deploy_orchestrator.charts.repositories import Repositories
from deploy_orchestrator.charts.templates import (
    Clash,
    Definition,
    Located,
    Owner,
    Replacement,
    clashes,
    library_harm,
)
from deploy_orchestrator.charts.version import Version, VersionError

__all__ = [
    "Bounds",
    "Chart",
    "ChartError",
    "ChartIdentity",
    "ChartInvalid",
    "ChartMetadata",
    "ChartNotFound",
    "Clash",
    "Constraint",
    "ConstraintError",
    "Definition",
    "Dependency",
    "DependencyCycle",
    "DigestMismatch",
    "Harm",
    "IndexInvalid",
    "Located",
    "Lock",
    "LockFinding",
    "LockProblem",
    "LockedDependency",
    "Owner",
    "PublishedChart",
    "Replacement",
    "Repositories",
    "RepositoryError",
    "RepositoryUnreachable",
    "UnsafeChart",
    "Version",
    "VersionError",
    "assemble",
    "check_lock",
    "clashes",
    "enabled",
    "library_harm",
    "load",
    "load_package",
    "lock_as_yaml",
    "switched",
    "update_lock",
    "worst",
    "write_lock",
]
