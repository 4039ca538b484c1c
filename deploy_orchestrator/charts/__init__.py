"""A chart as data: metadata, repositories, constraints, locks, the dependency graph, conflicts, drawing."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_orchestrator.charts.conditions import enabled
    from deploy_orchestrator.charts.constraint import Bounds, Constraint, ConstraintError
    from deploy_orchestrator.charts.drawing import FORMATS, draw
    from deploy_orchestrator.charts.errors import (
        ChartError,
        ChartInvalid,
        ChartNotFound,
        ChartsMeet,
        DependencyCycle,
        IndexInvalid,
        UnsafeChart,
        VersionNotFound,
    )
    from deploy_orchestrator.charts.graph.analysis import Analysis, Collision, Contents, analyze
    from deploy_orchestrator.charts.graph.changes import Fix, Vendored, VersionChange
    from deploy_orchestrator.charts.graph.closure import (
        About,
        Closure,
        Deviation,
        Difference,
        Graph,
        Known,
        Need,
        Node,
        Problem,
        Unresolved,
    )
    from deploy_orchestrator.charts.graph.conflicts import Conflict, Requirement, conflicts
    from deploy_orchestrator.charts.graph.explain import explain
    from deploy_orchestrator.charts.graph.resolve import Resolver, resolve
    from deploy_orchestrator.charts.harm import Harm, worst
    from deploy_orchestrator.charts.loading import Chart, files_of, load, load_package, unpacked
    from deploy_orchestrator.charts.locks.lock import LockFinding, LockProblem, check_lock, lock_digest
    from deploy_orchestrator.charts.locks.update import lock_as_yaml, update_lock, write_lock
    from deploy_orchestrator.charts.metadata import ChartMetadata, Dependency, Lock, LockedDependency
    from deploy_orchestrator.charts.mirroring.destination import MirrorTarget
    from deploy_orchestrator.charts.mirroring.mirror import Copy, CopyState, mirror
    from deploy_orchestrator.charts.pinning import pinned
    from deploy_orchestrator.charts.processing import Processed, processed
    from deploy_orchestrator.charts.published import ChartIdentity, PublishedChart
    from deploy_orchestrator.charts.schema_references import require_inner_references
    from deploy_orchestrator.charts.sources.assemble import assemble
    from deploy_orchestrator.charts.sources.catalog import Catalog
    from deploy_orchestrator.charts.sources.locate import locate
    from deploy_orchestrator.charts.sources.package import packaged
    from deploy_orchestrator.charts.sources.repositories import Repositories
    from deploy_orchestrator.charts.sources.work_tree import boundary_of
    from deploy_orchestrator.charts.templates import (
        Action,
        Definition,
        Duplicate,
        Located,
        NameClash,
        Owner,
        Replacement,
        actions_in,
        clashes,
        duplicates,
        harm_among,
        proof,
        replacement,
        unordered,
    )
    from deploy_orchestrator.charts.upgrades.altering import altered
    from deploy_orchestrator.charts.upgrades.impact import (
        ABSENT,
        ChartChange,
        Impact,
        ValueChange,
        broken,
        changed_values,
        impact,
        is_set,
    )
    from deploy_orchestrator.charts.upgrades.keeping import kept_unpacked
    from deploy_orchestrator.charts.upgrades.outdated import DependencyVersions, Upgrades, outdated
    from deploy_orchestrator.charts.upgrades.rewriting import Rewrite, moved, rewritten, write
    from deploy_orchestrator.charts.upgrades.taking import Taken, UpgradesClash, taken_together
    from deploy_orchestrator.charts.upgrades.upgrade import Upgrade, compare, target, upgrade
    from deploy_orchestrator.charts.values import layered
    from deploy_orchestrator.charts.version import Version, VersionError
else:
    from deploy_orchestrator.doors import opened

    __getattr__ = opened(__name__, __file__)

__all__ = [
    "ABSENT",
    "FORMATS",
    "About",
    "Action",
    "Analysis",
    "Bounds",
    "Catalog",
    "Chart",
    "ChartChange",
    "ChartError",
    "ChartIdentity",
    "ChartInvalid",
    "ChartMetadata",
    "ChartNotFound",
    "ChartsMeet",
    "Closure",
    "Collision",
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
    "Deviation",
    "Difference",
    "Duplicate",
    "Fix",
    "Graph",
    "Harm",
    "Impact",
    "IndexInvalid",
    "Known",
    "Located",
    "Lock",
    "LockFinding",
    "LockProblem",
    "LockedDependency",
    "MirrorTarget",
    "NameClash",
    "Need",
    "Node",
    "Owner",
    "Problem",
    "Processed",
    "PublishedChart",
    "Replacement",
    "Repositories",
    "Requirement",
    "Resolver",
    "Rewrite",
    "Taken",
    "Unresolved",
    "UnsafeChart",
    "Upgrade",
    "Upgrades",
    "UpgradesClash",
    "ValueChange",
    "Vendored",
    "Version",
    "VersionChange",
    "VersionError",
    "VersionNotFound",
    "actions_in",
    "altered",
    "analyze",
    "assemble",
    "boundary_of",
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
    "files_of",
    "harm_among",
    "impact",
    "is_set",
    "kept_unpacked",
    "layered",
    "load",
    "load_package",
    "locate",
    "lock_as_yaml",
    "lock_digest",
    "mirror",
    "moved",
    "outdated",
    "packaged",
    "pinned",
    "processed",
    "proof",
    "replacement",
    "require_inner_references",
    "resolve",
    "rewritten",
    "taken_together",
    "target",
    "unordered",
    "unpacked",
    "update_lock",
    "upgrade",
    "worst",
    "write",
    "write_lock",
]
