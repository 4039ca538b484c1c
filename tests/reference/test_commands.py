"""Every command that the documentation tells people to type is one."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from markdown_it import MarkdownIt

from deploy_orchestrator.cli import app

ROOT = Path(__file__).parents[2]
PROGRAM = "deploy-orchestrator"
MADE = {"commands.md"}
PAGES = [ROOT / "README.md", *(page for page in sorted(ROOT.glob("docs/**/*.md")) if page.name not in MADE)]


def code(page: Path) -> Iterator[str]:
    """What stands in fences and between backticks, a command a line, each continued to its end."""
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text()):
        if token.type == "fence":
            yield from token.content.replace("\\\n", " ").splitlines()
        for part in token.children or ():
            if part.type == "code_inline":
                yield part.content


def typed(page: Path) -> Iterator[list[str]]:
    """The arguments of each call of the program."""
    for line in code(page):
        found = re.fullmatch(rf"(?:\$ )?{PROGRAM}((?: .*)?)", line)
        if found and "…" not in line:
            yield shlex.split(re.sub(r"\$\(.*?\)", "X", found[1]).partition(" |")[0], comments=True)


def resolve(words: list[str]) -> tuple[Any, list[str]]:
    command: Any = typer.main.get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_people_are_told_to_type_is_a_command(page: Path) -> None:
    wrong: list[str] = []
    for words in typed(page):
        command, rest = resolve(words)
        placeholder = rest and rest[0].isupper()
        if hasattr(command, "commands") and rest and not rest[0].startswith("-") and not placeholder:
            wrong.append(f"{' '.join(words)}: there is no such command")
            continue
        context = typer.Context(command, info_name=PROGRAM, resilient_parsing=True)
        try:
            _, left, _ = command.make_parser(context).parse_args(args=list(rest))
        except Exception as error:
            wrong.append(f"{' '.join(words)}: {error}")
            continue
        if left and not hasattr(command, "commands"):
            wrong.append(f"{' '.join(words)}: too many arguments, {left}")
    assert wrong == []


def test_commands_are_found_on_these_pages() -> None:
    assert sum(len(list(typed(page))) for page in PAGES) > 40
