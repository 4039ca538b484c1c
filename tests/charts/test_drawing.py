import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page

from deploy_orchestrator.charts import (
    FORMATS,
    About,
    Closure,
    Conflict,
    Dependency,
    Fix,
    Graph,
    Harm,
    Known,
    Need,
    Node,
    Problem,
    Repositories,
    Unresolved,
    UnsafeChart,
    VersionChange,
    analyze,
    conflicts,
    draw,
    locate,
    resolve,
)
from tests.axe import findings
from tests.chromium import chromium, needs_chromium

Publish = Callable[..., Repositories]
Show = Callable[..., Page]
HOSTILE = "</script><script>alert(1)</script> \\N \\G \" ' & <b>bold</b> `x` ]] }} |"


def graph(*edges: tuple[str, str, str, bool], title: str = "web@1.0.0") -> Closure:
    def node(text: str) -> Node:
        name, _, version = text.rpartition("@")
        return Node("https://example.com", name, version)

    made = Graph()
    made.add(node(title), About("application", deprecated=False))
    for tail, head, constraint, enabled in edges:
        kind = "library" if "common" in head else "application"
        made.add(node(head), About(kind, deprecated=False))
        made.link(Need(node(tail), node(head), head, constraint, "", (), "", enabled, Known.NEWEST))
    return Closure((node(title),), made, (), {})


CLASH = graph(
    ("web@1.0.0", "a@1.0.0", "1.x", True),
    ("web@1.0.0", "b@1.0.0", "1.x", True),
    ("web@1.0.0", "off@1.0.0", "1.x", False),
    ("a@1.0.0", "common@1.0.0", "1.x", True),
    ("b@1.0.0", "common@2.0.0", "2.x", True),
)


def missing(closure: Closure) -> Closure:
    gone = Unresolved(
        closure.roots[0],
        Dependency(name="gone", version="9.x"),
        Problem.NO_SUCH_CHART,
        "nowhere <to> be \\found",
    )
    return Closure(closure.roots, closure.graph, (gone,), closure.published)


def hostile(text: str = HOSTILE) -> Closure:
    return graph((f"web{text}@1.0.0", f"a{text}@1.0.0", text, True), title=f"web{text}@1.0.0")


def groups(svg: bytes, kind: str) -> dict[str, ElementTree.Element]:
    name = "{http://www.w3.org/2000/svg}"
    root = ElementTree.fromstring(svg)
    return {"".join(group.itertext()): group for group in root.iter(f"{name}g") if group.get("class") == kind}


def test_every_format_draws_something() -> None:
    for format_ in FORMATS:
        assert draw(missing(CLASH), format_)


def test_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="svg, png"):
        draw(CLASH, "gif")


def test_the_json_has_nodes_and_edges() -> None:
    found = json.loads(draw(missing(CLASH), "json"))
    assert len(found["nodes"]) == 6
    assert found["edges"][2] == {
        "from": "web@1.0.0",
        "to": "off@1.0.0",
        "constraint": "1.x",
        "condition": None,
        "tags": [],
        "alias": None,
        "enabled": False,
        "known": "newest allowed",
    }
    assert found["unresolved"][0]["name"] == "gone"


def test_a_png_is_a_png() -> None:
    assert draw(CLASH, "png").startswith(b"\x89PNG\r\n")


def test_conflicts_and_what_is_off_show_without_colour() -> None:
    svg = draw(missing(CLASH), "svg").decode()
    boxes = groups(svg.encode(), "node")
    clashing = next(box for text, box in boxes.items() if "common" in text)
    assert "!" in "".join(clashing.itertext())
    assert 'stroke-width="2.6' in ElementTree.tostring(clashing, encoding="unicode")
    off = next(box for text, box in boxes.items() if "off" in text)
    assert "stroke-dasharray" in ElementTree.tostring(off, encoding="unicode")
    gone = next(text for text in boxes if "gone" in text)
    assert "?" in gone
    assert any("(off)" in text for text in groups(svg.encode(), "edge"))


def test_a_mermaid_chart_tells_them_apart_too() -> None:
    lines = draw(missing(CLASH), "mermaid").decode().splitlines()
    assert '  n0[["web 1.0.0"]]' in lines
    assert '  n4(["! common 1.0.0"])' in lines
    assert '  n0 -.->|"1.x (off)"| n3' in lines
    assert any("==>" in line for line in lines)
    assert "  class n4,n5 conflict" in lines


def test_an_arrow_says_how_a_version_is_known_and_a_box_where_it_stands() -> None:
    closure = graph(("web@1.0.0", "common@1.0.0", "1.x", True))
    (need,) = closure.needs
    placed = need.chart._replace(place="cache")
    closure.graph.add(placed, About("library", deprecated=False))
    closure.graph.link(replace(need, chart=placed, known=Known.GUESSED))
    drawn = draw(closure, "mermaid").decode()
    assert "1.x (guessed)" in drawn
    assert "in cache" in drawn


def test_charts_of_one_name_tell_their_repositories() -> None:
    made = graph(("web@1.0.0", "common@1.0.0", "*", True))
    other = Node("https://other.example.com/charts", "common", "1.0.0")
    made.graph.add(other, About("library", deprecated=False))
    assert "other.example.com/charts" in draw(made, "mermaid").decode()


def test_more_than_anyone_can_read_is_not_drawn() -> None:
    many = graph(*(("web@1.0.0", f"a{n}@1.0.0", "*", True) for n in range(3_001)))
    with pytest.raises(UnsafeChart):
        draw(many, "svg")
    assert draw(many, "json")


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=40))
def test_hostile_names_are_drawn_as_text(text: str) -> None:
    closure = hostile(text)
    for format_ in ("svg", "dot", "png", "mermaid", "html"):
        draw(closure, format_)
    ElementTree.fromstring(draw(closure, "svg"))


def test_hostile_names_stay_inside_their_quotes() -> None:
    svg = draw(hostile(), "svg").decode()
    assert "<script" not in svg
    assert "<b>" not in svg
    assert "alert(1)" in "".join(ElementTree.fromstring(svg).itertext())
    mermaid = draw(hostile(), "mermaid").decode()
    assert all(line.count('"') % 2 == 0 for line in mermaid.splitlines())
    assert "<" not in re.sub(r"==>|-->|-.->", "", mermaid)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_is_the_same_whatever_the_names_are() -> None:
    def tags(closure: Closure) -> list[str]:
        parser = Tags()
        parser.feed(draw(closure, "html").decode())
        return [tag for tag, _ in parser.found]

    assert tags(hostile()) == tags(hostile("plain"))


def test_the_page_loads_nothing() -> None:
    parser = Tags()
    parser.feed(draw(CLASH, "html").decode())
    assert not [attributes for _, attributes in parser.found if {"src", "href"} & attributes.keys()]
    policy = next(
        attributes["content"] for tag, attributes in parser.found if tag == "meta" and "content" in attributes
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")


@pytest.fixture(scope="module")
def show() -> Iterator[Show]:
    with chromium() as browser:

        def open_page(closure: Closure, judged: Iterable[Conflict] = (), *, loads: bool = False) -> Page:
            page = browser.new_page()
            page.on("pageerror", lambda error: pytest.fail(str(error)))
            page.on("dialog", lambda dialog: pytest.fail(f"a script of the data ran: {dialog.message}"))
            if not loads:
                page.on("request", lambda request: pytest.fail(f"it loads {request.url}"))
            page.set_content(draw(closure, "html", judged).decode())
            return page

        yield open_page


def names(page: Page, selector: str = ".box") -> list[str]:
    return [
        text.split("\n")[0].strip()
        for text in page.locator(f"{selector} text:first-of-type").all_text_contents()
    ]


@needs_chromium
def test_the_page_shows_every_chart_and_conflict(show: Show) -> None:
    page = show(missing(CLASH))
    assert sorted(names(page)) == ["a", "b", "common", "common", "gone", "off", "web"]
    assert page.locator("#summary").text_content() == "6 charts · 6 dependencies · 1 conflict · 1 not found"
    assert "Because a 1.0.0 needs common 1.x" in (page.locator("#conflicts").text_content() or "")
    assert page.locator(".box.conflict .sign").all_text_contents() == ["!", "!"]
    assert page.locator(".arrow.off").count() == 1


@needs_chromium
def test_the_page_finds_charts(show: Show) -> None:
    page = show(CLASH)
    page.fill("#search", "Common@2")
    assert page.locator(".box.found").count() == 1


@needs_chromium
def test_the_page_follows_the_paths_of_a_chart(show: Show) -> None:
    page = show(CLASH)
    page.locator(".box", has_text="common").filter(has_text="2.0.0").click()
    assert sorted(names(page, ".box.onpath")) == ["b", "common", "web"]
    assert page.locator(".arrow.onpath").count() == 2
    assert "Needed by" in (page.locator("#chosen").text_content() or "")


@needs_chromium
def test_the_page_folds_up_what_only_one_chart_needs(show: Show) -> None:
    page = show(CLASH)
    page.locator('.box[data-id="n1"]').focus()
    page.keyboard.press("-")
    assert sorted(names(page)) == ["a", "b", "common", "off", "web"]
    page.click("#unfold")
    assert len(names(page)) == 6


@needs_chromium
def test_the_page_shows_only_what_clashes(show: Show) -> None:
    page = show(CLASH)
    page.click("#conflicting")
    assert sorted(names(page)) == ["a", "b", "common", "common", "web"]


@needs_chromium
def test_hostile_names_run_nothing_in_the_page(show: Show) -> None:
    page = show(hostile())
    assert page.locator(".box").count() == 2
    page.locator(".box").first.click()
    assert "alert(1)" in (page.locator("#chosen").text_content() or "")


@needs_chromium
def test_the_largest_real_graph_stays_in_the_page(show: Show, published: Repositories) -> None:
    page = show(resolve(locate("gen3@0.3.83", published), published))
    assert page.locator(".box").count() < 20, "what is alike is one box"
    page.click("#unfold")
    assert page.locator(".box").count() > 50
    assert page.locator(".arrow").count() >= 100


ALIKE = graph(
    *(("web@1.0.0", f"part-{number}@1.0.0", "1.x", True) for number in range(45)),
    *((f"part-{number}@1.0.0", "common@2.0.0", "2.x", True) for number in range(45)),
    ("web@1.0.0", "old@1.0.0", "1.x", True),
    ("old@1.0.0", "common@1.9.0", "1.x", True),
    ("web@1.0.0", "aside@1.0.0", "1.x", True),
)


@needs_chromium
def test_charts_that_are_alike_are_one_box_until_it_is_opened(show: Show) -> None:
    page = show(ALIKE)
    assert sorted(names(page)) == ["45 charts", "aside", "common", "common", "old", "web"]
    page.fill("#search", "part-17")
    assert names(page, ".box.found") == ["45 charts"]
    page.locator(".box", has_text="45 charts").dblclick()
    assert page.locator(".box").count() == 50


@needs_chromium
def test_the_way_of_a_conflict_is_lit_and_the_rest_dimmed(show: Show) -> None:
    page = show(ALIKE)
    page.click("#conflicts button")
    lit = {*names(page, ".box.onpath")}
    assert lit == {"45 charts", "common", "old", "web"}
    assert page.locator(".arrow.onpath").count() == 4
    page.click("#conflicts button")
    assert page.locator(".onpath").count() == 0


@needs_chromium
def test_a_conflict_is_told_with_its_harm_and_the_way_out(show: Show) -> None:
    fix = Fix("common", (VersionChange("a", "1.0.0", "2.0.0"),), "2.0.0")
    conflict = replace(conflicts(CLASH)[0], harm=Harm.HARMFUL, fixes=(fix,))
    page = show(CLASH, [conflict])
    assert "harmful" in (page.locator("#conflicts").text_content() or "")
    page.locator(".box.conflict").first.click()
    assert "Change a from 1.0.0 to 2.0.0: then everything loads common 2.0.0." in (
        page.locator("#chosen").text_content() or ""
    )


@needs_chromium
def test_charts_are_reached_by_the_keyboard_alone(show: Show) -> None:
    page = show(CLASH)
    page.locator('.box[tabindex="0"]').focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert len(names(page, ".box.chosen")) == 1
    assert page.locator('.box[tabindex="0"]').count() == 1
    assert page.locator(".box.chosen").get_attribute("aria-pressed") == "true"


@needs_chromium
def test_the_graph_is_made_larger_and_smaller_and_fits(show: Show) -> None:
    page = show(ALIKE)
    page.click("#unfold")

    def height() -> float:
        return float(page.locator("#graph").get_attribute("height") or 0)

    before = height()
    page.click("#larger")
    assert height() > before
    page.click("#fit")
    assert height() <= page.evaluate("document.getElementById('canvas').clientHeight")


@needs_chromium
@pytest.mark.parametrize("width", [400, 768, 1440])
def test_the_page_is_no_wider_than_its_window(show: Show, width: int) -> None:
    page = show(ALIKE)
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_page_of_the_largest_real_graph(
    show: Show, published: Repositories, scheme: Literal["light", "dark"]
) -> None:
    found = analyze(locate("gen3@0.3.83", published), published)
    page = show(found.closure, found.conflicts)
    page.emulate_media(color_scheme=scheme)
    for width in (400, 768, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert findings(page) == [], width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.click("#unfold")
    page.locator(".box.conflict").first.click()
    assert findings(page) == []


SHOP = graph(("web@1.0.0", "db@1.0.0", "1.x", True), ("web@1.0.0", "cache@1.0.0", "1.x", False))
BLOG = graph(("web@1.0.0", "db@1.0.0", "1.x", True), ("web@1.0.0", "cache@1.0.0", "1.x", True))
NEWS = graph(("paper@1.0.0", "db@1.0.0", "1.x", True), title="paper@1.0.0")
RUNS = ((("dev/shop", "production/shop"), SHOP), (("dev/blog",), BLOG), (("production/news",), NEWS))


@needs_chromium
def test_the_page_of_a_fleet_shows_what_one_environment_and_one_tenant_have(
    tmp_path: Path, show: Show
) -> None:
    file = tmp_path / "fleet.html"
    whole = Closure.united(part for _, part in RUNS)
    file.write_bytes(draw(whole, "html", runs=RUNS))
    page = show(CLASH, loads=True)
    page.goto(file.as_uri())
    assert sorted(names(page)) == ["cache", "db", "paper", "web"]
    assert names(page, ".box.off") == []
    page.get_by_label("Environment").select_option("production")
    assert sorted(names(page)) == ["cache", "db", "paper", "web"]
    assert names(page, ".box.off") == ["cache"]
    page.get_by_label("Tenant").select_option("shop")
    assert sorted(names(page)) == ["cache", "db", "web"]
    page.locator(".box", has_text="db").click()
    assert page.url.endswith("#environment=production&tenant=shop&chart=n1")
    page.reload()
    assert (names(page, ".box.chosen"), names(page, ".box.off")) == (["db"], ["cache"])
    assert page.get_by_label("Tenant").input_value() == "shop"
    page.get_by_label("Environment").select_option("")
    page.get_by_label("Tenant").select_option("blog")
    assert (sorted(names(page)), names(page, ".box.off")) == (["cache", "db", "web"], [])
    assert findings(page) == []


@needs_chromium
def test_the_page_of_one_chart_asks_for_no_tenant(show: Show) -> None:
    assert not show(CLASH).get_by_label("Tenant").is_visible()


@needs_chromium
def test_a_link_leads_to_a_conflict_or_a_chart(tmp_path: Path, show: Show) -> None:
    file = tmp_path / "graph.html"
    file.write_bytes(draw(ALIKE, "html"))
    page = show(CLASH, loads=True)
    page.goto(f"{file.as_uri()}#conflict=common")
    assert page.locator(".box.onpath").count() == 5
    page.locator(".box", has_text="aside").click()
    page.goto(page.url)
    page.reload()
    assert names(page, ".box.chosen") == ["aside"]
