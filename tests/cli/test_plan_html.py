"""`plan --format html`: one file with everything."""

import re

from tests.desk import Desk

HOSTILE = "</pre><script>alert(1)</script>"


def test_a_plan_is_one_page_that_loads_nothing_and_runs_nothing(desk: Desk) -> None:
    desk.commit("tenants/shop/values.yaml", f"greeting: '{HOSTILE}'\n")
    answer = desk.run("plan", "--from", "main~1", "--format", "html")
    assert answer.code == 0
    page = answer.output
    assert page.startswith("<!doctype html>")
    assert "<script" not in page
    assert "&lt;/pre&gt;&lt;script&gt;" in page
    assert not re.search(r"(src|href)=.?(https?:|//|/)", page)
    assert 'href="#change-1">dev/shop' in page
    assert 'href="#change-1">production/shop' in page, "what is alike shares a section"
    assert page.count("<section") == 1


def test_what_does_not_render_stands_at_the_head_of_the_page(desk: Desk) -> None:
    desk.commit("charts/app/templates/greeting.yaml", "{{ fail .Values.greeting }}\n")
    answer = desk.run("plan", "--from", "main~1", "--format", "html")
    assert answer.code == 2
    assert "Not rendered" in answer.output
    assert "<section" not in answer.output
