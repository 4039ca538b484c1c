"""Named templates: what charts define, which definition all of them get, and whom that harms."""

from deploy_orchestrator.charts.templates.actions import actions_in
from deploy_orchestrator.charts.templates.clashes import (
    NameClash,
    Replacement,
    clashes,
    harm_among,
    harm_among_strangers,
)
from deploy_orchestrator.charts.templates.duplicates import Duplicate, duplicates
from deploy_orchestrator.charts.templates.lexer import Action
from deploy_orchestrator.charts.templates.order import unordered
from deploy_orchestrator.charts.templates.parser import Definition
from deploy_orchestrator.charts.templates.proof import proof, replacement
from deploy_orchestrator.charts.templates.scope import Located, Owner

__all__ = [
    "Action",
    "Definition",
    "Duplicate",
    "Located",
    "NameClash",
    "Owner",
    "Replacement",
    "actions_in",
    "clashes",
    "duplicates",
    "harm_among",
    "harm_among_strangers",
    "proof",
    "replacement",
    "unordered",
]
