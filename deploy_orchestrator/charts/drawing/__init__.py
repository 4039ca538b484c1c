"""Pictures of dependency graphs."""

from deploy_orchestrator.charts.drawing.draw import FORMATS, draw

__all__ = ["FORMATS", "draw"]
