"""The named templates that a file defines, and what each of them includes."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from deploy_orchestrator.charts.errors import ChartInvalid
from deploy_orchestrator.charts.templates.lexer import Action, TemplateSyntaxError, Text, lex
from deploy_orchestrator.charts.templates.names import (
    ANY,
    MAX_TOKENS,
    Evaluator,
    Expression,
    Name,
    literal,
    operand_after,
)
from deploy_orchestrator.errors import Place


@dataclass(frozen=True, slots=True)
class Call:
    """A call of `include` or `template`, with every name that it may call."""

    names: tuple[Name, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Definition:
    """A named template; the file itself is the one that has None for a name.

    `body` is what it does: two that differ in comments and trimmed white space only have the same. `source`
    is how that is written. `evaluates` tells whether it hands to `tpl` what cannot be known by reading.
    """

    name: str | None
    line: int
    source: str
    body: tuple[str, ...]
    uses: tuple[Call, ...]
    evaluates: bool

    @property
    def is_empty(self) -> bool:
        """Whether it is nothing but white space; such a definition never replaces another."""
        return not any(part.startswith("{{") or part.strip() for part in self.body)


def parse(source: bytes, file: str) -> tuple[Definition, ...]:
    """Every template that `source` defines, the file itself first, as Go's `text/template` finds them.

    Raises:
        ChartInvalid: it is no template, or defines one name twice.
    """
    try:
        return _parsed(source)
    except TemplateSyntaxError as error:
        raise ChartInvalid(error.what, place=Place(file, error.line), fix="mend the template") from error


def uses_in(text: str) -> tuple[Call, ...]:
    """What `text` includes where it is a template; nothing where it is none."""
    try:
        return tuple(use for definition in _parse(text) for use in definition.uses) if "{{" in text else ()
    except TemplateSyntaxError:
        return ()


@lru_cache(maxsize=2048)
def _parsed(source: bytes) -> tuple[Definition, ...]:
    return _parse(source.decode(errors="backslashreplace"))


@dataclass(slots=True)
class _Draft:
    name: str | None
    line: int
    start: int
    body: list[str] = field(default_factory=list[str])
    actions: list[Action] = field(default_factory=list[Action])

    def write(self, text: str) -> None:
        if self.body and not self.body[-1].startswith("{{"):
            self.body[-1] += text
        else:
            self.body.append(text)

    def act(self, action: Action, code: str | None = None) -> None:
        self.body.append("{{" + (code or action.code) + "}}")
        self.actions.append(action)

    def finished(self, source: str) -> Definition:
        evaluator = Evaluator(_assigned(self.actions))
        uses: list[Call] = []
        evaluates = False
        for action in self.actions:
            uses += _uses(action, evaluator)
            for text in _evaluated(action, evaluator):
                evaluates |= text.exact is None
                uses += uses_in(text.exact) if text.exact else _uses_in_unknown(text, action)
        return Definition(self.name, self.line, source, tuple(self.body), tuple(uses), evaluates)


@dataclass(frozen=True, slots=True)
class _Open:
    action: Action
    outside: _Draft

    @property
    def keyword(self) -> str:
        return self.action.tokens[0]


def _parse(source: str) -> tuple[Definition, ...]:
    main = draft = _Draft(None, 1, 0)
    opened: list[_Open] = []
    definitions: dict[str | None, Definition] = {}
    for part in lex(source):
        if isinstance(part, Text):
            draft.write(part.value)
            continue
        match part.tokens[:1]:
            case ():
                raise TemplateSyntaxError("an action with nothing in it", part.line)
            case ("define",) if opened:
                raise TemplateSyntaxError(f"a define inside {{{{ {opened[-1].keyword} }}}}", part.line)
            case ("define" | "block",):
                opened.append(_Open(part, draft))
                if part.tokens[0] == "block":
                    draft.act(part, f"template{part.code.removeprefix('block')}")
                draft = _Draft(_name(part), part.line, part.end)
            case ("if" | "range" | "with",):
                opened.append(_Open(part, draft))
                draft.act(part)
            case ("end",):
                if not opened:
                    raise TemplateSyntaxError("an end with nothing to end", part.line)
                ended = opened.pop()
                if ended.keyword in ("define", "block"):
                    _add(draft.finished(source[draft.start : part.start]), definitions)
                    draft = ended.outside
                else:
                    draft.act(part)
            case ("template",):
                _name(part)
                draft.act(part)
            case ("else",) if not opened or opened[-1].keyword in ("define", "block"):
                raise TemplateSyntaxError("an else with nothing before it", part.line)
            case _:
                draft.act(part)
    if opened:
        raise TemplateSyntaxError(f"{{{{ {opened[-1].keyword} }}}} without its end", opened[-1].action.line)
    return (main.finished(source), *definitions.values())


def _name(action: Action) -> str:
    keyword, *rest = action.tokens
    name = literal(rest[0]) if rest else None
    if name is None or (keyword == "define" and len(rest) > 1):
        raise TemplateSyntaxError(f"a {keyword} without a name in quotes", action.line)
    return name


def _add(definition: Definition, definitions: dict[str | None, Definition]) -> None:
    before = definitions.get(definition.name)
    if before is None or before.is_empty:
        definitions[definition.name] = definition
    elif not definition.is_empty:
        raise TemplateSyntaxError(f"a second definition of {definition.name!r}", definition.line)


def _assigned(actions: list[Action]) -> dict[str, list[Expression]]:
    assigned: defaultdict[str, list[Expression]] = defaultdict(list)
    for action in actions:
        for index, token in enumerate(action.tokens):
            if token in (":=", "=") and index:
                known = action.tokens[0] != "range" and len(action.tokens) <= MAX_TOKENS
                expression = action.tokens[index + 1 :] if known else ()
                assigned[action.tokens[index - 1]].append(expression)
    return assigned


def _uses(action: Action, evaluator: Evaluator) -> Iterator[Call]:
    if action.tokens[0] in ("template", "block"):
        yield Call((Name((literal(action.tokens[1]) or "",)),), action.line)
    for operand in _first_operands("include", action):
        yield Call(evaluator.names(operand), action.line)


def _evaluated(action: Action, evaluator: Evaluator) -> Iterator[Name]:
    for operand in _first_operands("tpl", action):
        yield from evaluator.names(operand)


def _uses_in_unknown(text: Name, action: Action) -> tuple[Call, ...]:
    return (Call((ANY,), action.line),) if any("{{" in piece for piece in text.pieces) else ()


def _first_operands(function: str, action: Action) -> Iterator[Expression]:
    for index, token in enumerate(action.tokens):
        if token == function:
            yield operand_after(action.tokens, index + 1)
