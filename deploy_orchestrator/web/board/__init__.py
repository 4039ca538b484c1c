"""The board: what needs somebody, and how everything stands."""

from deploy_orchestrator.web.board.charts import Built, ChartTable, Clash, SurveyPage
from deploy_orchestrator.web.board.pages import board
from deploy_orchestrator.web.board.pieces import COMPRESSION
from deploy_orchestrator.web.board.watch import Watch

__all__ = ["COMPRESSION", "Built", "ChartTable", "Clash", "SurveyPage", "Watch", "board"]
