"""The board: what needs somebody, and how everything stands."""

from deploy_orchestrator.web.board.charts import Built, Clash, Survey, Table
from deploy_orchestrator.web.board.pages import board
from deploy_orchestrator.web.board.showing import COMPRESSION
from deploy_orchestrator.web.board.watch import Watch

__all__ = ["COMPRESSION", "Built", "Clash", "Survey", "Table", "Watch", "board"]
