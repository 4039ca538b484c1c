"""The page on the architecture draws the house as it is."""

import re
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text()
DECISIONS = ROOT / "docs/decisions"


def test_every_room_has_a_row_in_the_order_that_holds_it() -> None:
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter")
    layers = contracts["importlinter:contract:rooms"]["layers"].split()
    rows = re.findall(r"^\| `(\w+)(?:/|\.py)` \|", PAGE, re.MULTILINE)
    assert rows == layers[::-1]
    package = ROOT / "deploy_orchestrator"
    named = re.findall(r"^\| `([\w/]+/)` \|", PAGE, re.MULTILINE)
    assert [name for name in named if not (package / name).is_dir()] == []


def test_what_to_read_first_is_there() -> None:
    first = re.findall(r"^\| `[\w/.]+` \|.*\| `([\w/]+\.py)` \|$", PAGE, re.MULTILINE)
    assert len(first) > 20
    package = ROOT / "deploy_orchestrator"
    lost = [
        name for name in first if not any((each / name).is_file() for each in (package, package / "charts"))
    ]
    assert lost == []


def test_every_kind_of_contract_is_told() -> None:
    contracts = re.findall(
        r"^\[importlinter:contract:(\w+)", (ROOT / ".importlinter").read_text(), re.MULTILINE
    )
    assert [name for name in set(contracts) if f"| `{name}" not in PAGE] == []


def test_every_decision_is_in_its_index_and_on_this_page() -> None:
    records = sorted(path.name for path in DECISIONS.glob("[0-9]*.md"))
    index = (DECISIONS / "README.md").read_text()
    assert [name for name in records if f"({name})" not in index] == []
    assert [name for name in records if f"(decisions/{name})" not in PAGE] == []
