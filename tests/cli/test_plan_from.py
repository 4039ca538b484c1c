"""`plan --from`: what a pull request of the fleet would change."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy_orchestrator.markdown import code
from tests.desk import FILES, Answer, Desk, git

Proposed = Callable[..., Answer]

SECRET = """\
apiVersion: v1
kind: Secret
metadata:
  name: database
stringData:
  password: {{ .Values.password | quote }}
"""
BREAKOUT = "```\n</details>\n<img src=x> @everyone #1 [a](http://evil)\n````\n"


@pytest.fixture
def checkout(laid_out: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A clone of the fleet such as a pipeline has: detached, with what is proposed on top."""
    git(tmp_path, "clone", "--quiet", str(laid_out.fleet), ".local/fleet")
    desk = Desk(tmp_path)
    for name, value in {"user.name": "Alice", "user.email": "alice@example.com"}.items():
        git(desk.fleet, "config", name, value)
    git(desk.fleet, "checkout", "--quiet", "--detach")
    monkeypatch.chdir(desk.fleet)
    monkeypatch.setenv("DEPLOY_ORCHESTRATOR_HOME", str(tmp_path / "home"))
    return desk


@pytest.fixture
def proposed(checkout: Desk) -> Proposed:
    """The plan of a commit with these files, as it is printed in a format."""

    def proposed(files: dict[str, str], format: str = "markdown", *options: str) -> Answer:  # noqa: A002
        for path, text in files.items():
            (checkout.fleet / path).parent.mkdir(parents=True, exist_ok=True)
            (checkout.fleet / path).write_text(text)
        checkout.commit("README.md", "A fleet.\n")
        return checkout.run("plan", "--from", "origin/main", "--to", "HEAD", "--format", format, *options)

    return proposed


def test_what_a_change_does_is_told_without_an_installation(proposed: Proposed) -> None:
    answer = proposed({"tenants/shop/values.yaml": "legacy: false\n"})
    assert (answer.code, answer.errors) == (0, "")
    assert answer.output.startswith("<!-- deploy-orchestrator plan -->\n")
    assert "## Plan: 🟡 2 needs approval\n" in answer.output
    assert "2 of 3 deployments would change." in answer.output
    assert "### 🟡 needs approval: dev/shop, production/shop\n" in answer.output
    assert "- **needs approval** object-deleted: `ConfigMap shop-dev/shop-legacy: " in answer.output
    assert "-  name: shop-legacy\n" in answer.output
    assert answer.output.count("```diff\n") == 1


def test_nothing_but_what_can_differ_is_rendered(proposed: Proposed, tmp_path: Path) -> None:
    proposed({"tenants/blog/values.yaml": "greeting: hey\n"})
    kept = [each for each in (tmp_path / "home/cache/manifests").glob("*/*") if each.is_file()]
    assert len(kept) == 2


def test_nothing_changed_is_said(proposed: Proposed) -> None:
    answer = proposed({})
    assert answer.code == 0
    assert "## Plan: nothing changes\n" in answer.output
    assert "0 of 3 deployments would change." in answer.output


def test_a_blocked_change_exits_1_and_comes_first(proposed: Proposed) -> None:
    answer = proposed(
        {"tenants/shop/values.yaml": "greeting: 7\n", "tenants/blog/values.yaml": "greeting: hey\n"}
    )
    assert answer.code == 1
    assert "## Plan: 🔴 2 blocked, 🟡 1 needs approval\n" in answer.output
    assert answer.output.index("🔴 blocked: dev/shop") < answer.output.index("🟡 needs approval: dev/blog")


def test_a_broken_tenant_is_one_section_and_the_others_go_on(proposed: Proposed) -> None:
    answer = proposed(
        {"tenants/shop/tenant.yaml": "chart: [\n", "tenants/blog/values.yaml": "greeting: hey\n"}
    )
    assert answer.code == 2
    assert "### ❌ not rendered: `shop`\n\n`tenants/shop/tenant.yaml:" in answer.output
    assert "### 🟡 needs approval: dev/blog\n" in answer.output


def test_a_template_that_fails_only_now_is_told_and_one_that_failed_before_is_no_obstacle(
    proposed: Proposed, checkout: Desk
) -> None:
    broken = proposed({"charts/app/templates/greeting.yaml": '{{ fail "no luck" }}\n'})
    assert broken.code == 2
    assert broken.output.count("no luck") == 3
    git(checkout.fleet, "branch", "--quiet", "broken")
    (checkout.fleet / "charts/app/templates/greeting.yaml").write_text("# nothing\n")
    checkout.commit("tenants/blog/values.yaml", "greeting: hey\n")
    mended = checkout.run("plan", "--from", "broken", "--to", "HEAD", "--format", "markdown")
    assert mended.code == 0
    before = "nothing-to-compare: `before, it does not render: charts/app/templates/greeting.yaml:1: "
    assert f"- **needs approval** {before}" in mended.output


def test_what_was_broken_before_fails_no_change_of_others(proposed: Proposed, checkout: Desk) -> None:
    checkout.commit("tenants/shop/tenant.yaml", "chart: [\n")
    git(checkout.fleet, "branch", "--quiet", "broken")
    checkout.commit("tenants/blog/values.yaml", "greeting: hey\n")
    answer = checkout.run("plan", "--from", "broken", "--to", "HEAD", "--format", "markdown")
    assert answer.code == 0
    assert "Broken before, and still: `shop`." in answer.output


def test_a_tenant_that_leaves_is_told(proposed: Proposed, checkout: Desk) -> None:
    git(checkout.fleet, "rm", "-r", "--quiet", "tenants/blog")
    answer = proposed({})
    assert answer.code == 0
    assert "Out of the fleet, and released as before: `dev/blog`.\n" in answer.output


def test_a_base_that_has_moved_on_is_told(proposed: Proposed, checkout: Desk) -> None:
    git(checkout.fleet, "checkout", "--quiet", "-B", "main")
    checkout.commit("tenants/blog/values.yaml", "greeting: hey\n")
    git(checkout.fleet, "checkout", "--quiet", "--detach", "HEAD~1")
    checkout.commit("tenants/shop/values.yaml", "greeting: hey\n")
    behind = checkout.run("plan", "--from", "main", "--to", "HEAD", "--format", "markdown")
    assert "⚠️ `main` has commits that `HEAD` lacks" in behind.output


def test_a_policy_that_forbids_what_runs_blocks_though_no_object_changes(
    proposed: Proposed, checkout: Desk
) -> None:
    pod = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: ghcr.io/a}]}\n"
    )
    checkout.commit("charts/app/templates/pod.yaml", pod)
    git(checkout.fleet, "branch", "--quiet", "before")
    fleet = (checkout.fleet / "fleet.yaml").read_text()
    forbidden = fleet.replace("    policy:\n", "    policy:\n      registries: [quay.io]\n")
    checkout.commit("fleet.yaml", forbidden)
    answer = checkout.run("plan", "--from", "before", "--to", "HEAD", "--format", "markdown")
    assert answer.code == 1
    assert "### 🔴 blocked: production/shop\n" in answer.output
    assert "0 added, 0 changed, 0 removed" in answer.output


def test_rules_that_will_wait_for_an_approval_are_told(proposed: Proposed, checkout: Desk) -> None:
    """What only takes away will not, and neither will anything in an environment that asks for none."""
    text = FILES["fleet.yaml"].replace("required: 1", "required: 1\n        expires: 30d")
    loosened = text.replace(
        '  - name: dev\n    cluster: here\n    kubernetes: "1.34"\n',
        '  - name: dev\n    cluster: here\n    kubernetes: "1.34"\n    policy: {rollbackAfter: 9m}\n',
    )
    said = "Will wait for approval: `the rules of production; policy.approval.expires: "
    answer = proposed({"fleet.yaml": loosened})
    assert (answer.code, said in answer.output) == (0, True), answer.output
    assert "the rules of dev" not in answer.output
    (rules,) = checkout.json("plan", "--from", "origin/main", "--to", "HEAD")["rules"]
    assert rules.startswith("the rules of production; policy.approval.expires: ")
    assert checkout.json("plan", "--from", "HEAD", "--to", "origin/main")["rules"] == []


def test_a_value_that_nothing_reads_is_a_new_warning(proposed: Proposed) -> None:
    answer = proposed({"tenants/blog/values.yaml": "greetings: hey\n"})
    assert answer.code == 0
    assert "- new warning unread-value: `tenants/blog/values.yaml:1: greetings." in answer.output
    assert "`did you mean greeting?`" in answer.output


def test_hostile_text_ends_no_fence_and_stands_in_code_alone(proposed: Proposed) -> None:
    text = "".join(f"    {line}\n" for line in BREAKOUT.splitlines())
    name = '{{ "x`<b>@everyone" | quote }}'
    config = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata:\n  text: |\n{text}"
    answer = proposed(
        {"charts/app/templates/hostile.yaml": config, "tenants/blog/values.yaml": "greeting: hey\n"}
    )
    outside = without_code(answer.output)
    for hostile in ("@everyone", "<img", "<b>", "](http"):
        assert hostile in answer.output
        assert hostile not in outside
    assert outside.count("</details>") == outside.count("<details>") > 0


def without_code(markdown: str) -> str:
    """What is left when code is taken out as CommonMark reads it: fenced blocks, then spans."""
    left: list[str] = []
    fence = ""
    for line in markdown.split("\n"):
        opened = re.match(r" {0,3}(`{3,})(.*)", line)
        if fence:
            closes = opened and len(opened[1]) >= len(fence) and not opened[2].strip()
            fence = "" if closes else fence
        elif opened and "`" not in opened[2]:
            fence = opened[1]
        else:
            left.append(line)
    assert not fence
    return re.sub(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)", "", "\n".join(left), flags=re.DOTALL)


@given(st.text(st.sampled_from("`` a\\\n*@#<|\u202e")))
def test_a_code_span_holds_any_text(text: str) -> None:
    assert without_code(f"a {code(text)} b") == "a  b"


def test_secret_values_are_hidden(proposed: Proposed) -> None:
    answer = proposed(
        {"charts/app/templates/secret.yaml": SECRET, "tenants/blog/values.yaml": "password: hunter2\n"}
    )
    assert "password: (hidden)" in answer.output
    assert "hunter2" not in answer.output


def test_much_is_cut_and_the_comment_says_so(proposed: Proposed) -> None:
    many = "".join(f"  key-{number}: {{{{ .Release.Name | sha256sum }}}}\n" for number in range(400))
    config = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: many}}\ndata:\n{many}"
    tenant = (Path("tenants/blog/tenant.yaml")).read_text()
    tenants = {f"tenants/t{number}/tenant.yaml": tenant for number in range(40)}
    answer = proposed({"charts/app/templates/many.yaml": config, **tenants})
    assert len(answer.output) <= 40_001
    assert "of which the first " in answer.output
    assert "**Left out, to keep this short:**" in answer.output
    assert answer.output.count("<details>") == answer.output.count("</details>")


def test_what_is_said_of_many_objects_hides_nothing_that_is_said_of_one(
    proposed: Proposed, checkout: Desk
) -> None:
    many = """{{ range $n := until 30 }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings-{{ $n }}}
data: {greeting: {{ $.Values.greeting | quote }}}
{{ end }}"""
    checkout.commit("charts/app/templates/many.yaml", many)
    checkout.commit("charts/app/templates/secret.yaml", SECRET)
    git(checkout.fleet, "branch", "--quiet", "before")
    checkout.commit("tenants/blog/values.yaml", "greeting: hey\npassword: other\n")
    answer = checkout.run("plan", "--from", "before", "--to", "HEAD", "--format", "markdown")
    assert re.search(r"configuration-not-rolled: `.*`, `.*`, `.*` and 28 more  \n", answer.output)
    assert "secret-changed: `Secret blog-dev/database: " in answer.output


def test_deployments_that_change_alike_share_a_section(proposed: Proposed) -> None:
    tenant = (Path("tenants/blog/tenant.yaml")).read_text()
    answer = proposed({f"tenants/t{number}/tenant.yaml": tenant for number in range(14)})
    assert re.search(r": dev/t0, dev/t1, (dev/t\d+, ){9}dev/t\d+ and 2 more\n", answer.output)


def test_as_json_each_plan_says_what_is_new(proposed: Proposed, checkout: Desk) -> None:
    answer = proposed({"tenants/blog/values.yaml": "legacy: false\nunknown: 1\n"}, "json")
    (plan,) = answer.json["plans"]
    assert (plan["environment"], plan["tenant"], plan["verdict"]) == ("dev", "blog", "needs-approval")
    assert [each["rule"] for each in plan["findings"] if each["new"]] == ["unread-value"]
    assert plan["unreadable"] is None
    assert "-  name: blog-legacy\n" in plan["diff"]
    assert answer.json["to"] == subprocess.check_output(["git", "rev-parse", "HEAD"], text=True).strip()
    assert (answer.json["gone"], answer.json["errors"]) == ([], [])


def test_as_text_it_reads_as_every_plan(proposed: Proposed) -> None:
    answer = proposed({"tenants/shop/values.yaml": "legacy: false\n"}, "text", "--environment", "production")
    assert "needs-approval  production/shop\n" in answer.output
    assert answer.output.endswith("1 of 1 deployments would change.\n")


def test_a_revision_that_is_not_there_is_named(checkout: Desk) -> None:
    answer = checkout.run("plan", "--from", "nowhere", "--to", "HEAD")
    assert answer.code == 2
    assert "no commit 'nowhere'" in answer.errors


def test_outside_of_every_repository_it_says_where_to_go(nowhere: Desk) -> None:
    answer = nowhere.run("plan", "--from", "main")
    assert answer.code == 2
    assert "go to a checkout of it, or set DEPLOY_ORCHESTRATOR_FLEET" in answer.errors


def test_an_installation_compares_too(desk: Desk) -> None:
    desk.commit("tenants/blog/values.yaml", "greeting: hey\n")
    answer = desk.run("plan", "--from", "main~1", "--format", "markdown")
    assert answer.code == 0
    assert "### 🟡 needs approval: dev/blog\n" in answer.output


def test_what_is_released_can_be_compared_as_a_comment(desk: Desk) -> None:
    desk.commit("tenants/blog/values.yaml", "greeting: hey\n")
    answer = desk.run("plan", "--format", "markdown")
    assert "against what is released: 1 of 3 deployments would change." in answer.output
