"""`.helmignore`: the files of a folder that are no part of its chart, by the rules of Helm's `pkg/ignore`."""

import re
from dataclasses import dataclass

from deploy_orchestrator.charts.errors import ChartInvalid
from deploy_orchestrator.errors import Place

_HIDDEN_TEMPLATES = "templates/.?*"


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    negated: bool
    folders_only: bool
    whole_path: bool

    def matches(self, path: str) -> bool:
        return bool(self.pattern.fullmatch(path if self.whole_path else path.rpartition("/")[2]))


@dataclass(frozen=True, slots=True)
class HelmIgnore:
    """The rules of one `.helmignore`, and Helm's own rule that hidden files in `templates/` are left out."""

    rules: tuple[_Rule, ...]

    @classmethod
    def parse(cls, data: bytes) -> "HelmIgnore":
        """The rules in `data`.

        Raises:
            ChartInvalid: a pattern that Helm refuses, with its line.
        """
        lines = [line.strip() for line in data.decode("utf-8-sig", errors="replace").splitlines()]
        rules = [
            _rule(line, number)
            for number, line in enumerate([*lines, _HIDDEN_TEMPLATES], start=1)
            if line and not line.startswith("#")
        ]
        return cls(tuple(rules))

    def matches(self, path: str, *, is_folder: bool) -> bool:
        """Whether `path`, relative to the chart's folder, is left out.

        The first rule that decides does; a negated rule leaves out everything that it does not match.
        """
        for rule in self.rules:
            applies = is_folder or not rule.folders_only
            if rule.negated:
                if not (applies and rule.matches(path)):
                    return True
            elif applies and rule.matches(path):
                return True
        return False


def _rule(line: str, number: int) -> _Rule:
    place = Place(".helmignore", number)
    if "**" in line:
        raise ChartInvalid("Helm does not support '**' in .helmignore", place=place, fix="use '*'")
    pattern = line.removeprefix("!")
    folders_only = pattern.endswith("/")
    pattern = pattern.removesuffix("/")
    whole_path = "/" in pattern
    return _Rule(
        re.compile(_regex(pattern.removeprefix("/"), place), re.DOTALL),
        negated=line.startswith("!"),
        folders_only=folders_only,
        whole_path=whole_path,
    )


_TOKEN = re.compile(
    r"\\(?P<escaped>.)|(?P<star>\*)|(?P<one>\?)|(?P<set>\[\^?(?:\\.|[^\\\]])+\])|(?P<plain>[^\[\\])",
    re.DOTALL,
)
_SET_MEMBER = re.compile(r"\\?(?P<low>.)(?:-\\?(?P<high>.))?", re.DOTALL)


def _regex(pattern: str, place: Place) -> str:
    regex, at = "", 0
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None:
            raise ChartInvalid(f"a pattern that does not end: {pattern!r}", place=place)
        at = token.end()
        match token.lastgroup:
            case "star":
                regex += "[^/]*"
            case "one":
                regex += "[^/]"
            case "set":
                regex += _set(token["set"], place)
            case group:
                regex += re.escape(token[group or 0])
    return regex


def _set(text: str, place: Place) -> str:
    negated = text.startswith("[^")
    members = ""
    for member in _SET_MEMBER.finditer(text[2 if negated else 1 : -1]):
        low, high = member["low"], member["high"] or member["low"]
        if high < low:
            raise ChartInvalid(f"a range that runs backwards: {text}", place=place)
        members += f"{re.escape(low)}-{re.escape(high)}"
    return f"[^{members}]" if negated else f"[{members}]"
