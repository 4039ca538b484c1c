"""`analyze --fleet`: what everybody runs is built on, and a page with it."""

import json
import re

from tests.cli.test_impact_on_deployments import desk, hub, released

__all__ = ["desk", "hub", "released"]


def test_each_chart_of_the_fleet_is_told_for_those_who_run_it_alike(desk):
    told = desk.run("analyze", "--fleet", "--format", "json").json
    assert {tuple(each["deployments"]) for each in told} == {("dev/blog", "dev/shop", "production/shop")}
    assert len(told) == 2


def test_its_page_knows_who_runs_what(desk):
    assert desk.run("analyze", "--fleet", "--graph", "fleet.html").code == 0
    page = (desk.folder / "fleet.html").read_text()
    (text,) = re.findall(r'id="data">(.*?)</script>', page)
    data = json.loads(text)
    assert {each for way in data["ways"] for each in way["deployments"]} == {
        "dev/blog",
        "dev/shop",
        "production/shop",
    }


def test_neither_nothing_nor_both_are_analysed(desk):
    assert desk.run("analyze").code == 2
    answer = desk.run("analyze", "charts/app", "--fleet")
    assert answer.code == 2
    assert "CHART does not go with --fleet" in answer.errors
