"""Version constraints as Helm reads them (Masterminds/semver 3.5), as exact sets of versions."""

from deploy_orchestrator.charts.constraint.constraint import Constraint
from deploy_orchestrator.charts.constraint.grammar import ConstraintError
from deploy_orchestrator.charts.constraint.sets import Bounds

__all__ = ["Bounds", "Constraint", "ConstraintError"]
