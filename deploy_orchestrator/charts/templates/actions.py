"""Every action in a text, whether or not Go would read all of it as a template."""

import re
from collections.abc import Iterator
from typing import Final

from deploy_orchestrator.charts.templates.lexer import Action, TemplateSyntaxError, lex
from deploy_orchestrator.charts.templates.names import literal

_LIKE_AN_ACTION: Final = re.compile(r"\{\{(?!-?\s*/\*)(.*?)\}\}", re.DOTALL)
_WORD: Final = re.compile(r"[$.\w]+|\|")


def actions_in(text: str) -> Iterator[Action]:
    """The actions of `text`, and of the templates that stand in strings there for `tpl`; no comments.

    In a text that is no template, what stands between `{{` and the next `}}` is taken for one.
    """
    try:
        found = [part for part in lex(text) if isinstance(part, Action)]
    except TemplateSyntaxError:
        found = [
            Action(
                tuple(_WORD.findall(match[1])),
                match[1],
                *match.span(),
                text.count("\n", 0, match.start()) + 1,
            )
            for match in _LIKE_AN_ACTION.finditer(text)
        ]
    for action in found:
        yield action
        for token in action.tokens:
            if "{{" in (inner := literal(token) or ""):
                yield from actions_in(inner)
