"""A chart as data: metadata, repositories, constraints, locks, the dependency graph, conflicts, drawing."""

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
from deploy_orchestrator.charts.load import Chart, load, load_package
from deploy_orchestrator.charts.metadata import ChartMetadata, Dependency, Lock, LockedDependency

__all__ = [
    "Chart",
    "ChartError",
    "ChartInvalid",
    "ChartMetadata",
    "ChartNotFound",
    "Dependency",
    "DependencyCycle",
    "DigestMismatch",
    "IndexInvalid",
    "Lock",
    "LockedDependency",
    "RepositoryError",
    "RepositoryUnreachable",
    "UnsafeChart",
    "load",
    "load_package",
]
