def test_nothing_to_do_is_said(desk):
    answer = desk.run("plan")
    assert (answer.code, answer.output) == (0, "0 of 3 deployments would change.\n")


def test_a_change_is_shown_with_its_lines_its_verdict_and_why(desk):
    desk.commit("tenants/shop/values.yaml", "legacy: false\n")
    answer = desk.run("plan", "--environment", "production")
    assert answer.code == 0
    assert "--- a/ConfigMap.shop-production.shop-legacy.yaml" in answer.output
    assert "-  name: shop-legacy" in answer.output
    assert "needs-approval  object-deleted: ConfigMap shop-production/shop-legacy" in answer.output
    assert "1 of 1 deployments would change." in answer.output
    assert "dev/shop" not in answer.output


def test_a_blocked_change_exits_1(desk):
    desk.commit("tenants/shop/values.yaml", "greeting: 7\n")
    answer = desk.run("plan", "--tenant", "shop", "--no-diff")
    assert answer.code == 1
    assert "blocked  production/shop, by alice@example.com" in answer.output
    assert "+++" not in answer.output


def test_a_broken_tenant_exits_2_and_the_others_are_shown(desk):
    desk.commit("tenants/shop/tenant.yaml", "chart: [\n")
    desk.commit("tenants/blog/values.yaml", "greeting: hey\n")
    answer = desk.run("plan")
    assert answer.code == 2
    assert "dev/blog" in answer.output
    assert answer.errors.startswith("error: shop: tenants/shop/tenant.yaml:")


def test_a_template_that_fails_exits_2_and_names_it(desk):
    desk.commit("charts/app/templates/greeting.yaml", '{{ fail "no luck" }}\n')
    answer = desk.run("plan", "-t", "blog")
    assert answer.code == 2
    assert "error: dev/blog: " in answer.errors
    assert "no luck" in answer.errors


def test_a_first_release_lists_its_objects_and_shows_their_lines_on_request(fresh):
    listed, full = fresh.run("plan", "-t", "blog"), fresh.run("plan", "-t", "blog", "--diff")
    assert "+  ConfigMap blog-dev/blog\n" in listed.output
    assert "+  greeting: hello" not in listed.output
    assert "+  greeting: hello" in full.output


def test_an_earlier_commit_can_be_planned(desk):
    desk.commit("tenants/blog/values.yaml", "greeting: hey\n")
    assert desk.run("plan").output.endswith("1 of 3 deployments would change.\n")
    assert desk.run("plan", "--revision", "main~1").output == "0 of 3 deployments would change.\n"


def test_as_json_it_is_the_plans_with_their_diffs_and_the_errors(desk):
    desk.commit("tenants/shop/tenant.yaml", "chart: [\n")
    desk.commit("tenants/blog/values.yaml", "legacy: false\n")
    answer = desk.run("plan", "--format", "json")
    assert answer.code == 2
    (plan,), (error,) = answer.json["plans"], answer.json["errors"]
    assert (plan["environment"], plan["tenant"], plan["verdict"]) == ("dev", "blog", "needs-approval")
    assert plan["summary"] == {"added": 0, "changed": 0, "removed": 1}
    assert "-  name: blog-legacy\n" in plan["diff"]
    assert error["deployment"] == "shop"
    assert error["place"].startswith("tenants/shop/tenant.yaml:")
    assert set(error) == {"deployment", "what", "place", "fix"}


def test_control_characters_of_others_are_spelled_out(desk):
    desk.commit("charts/app/templates/greeting.yaml", '{{ fail "\\u001b[2Kall is well" }}\n')
    answer = desk.run("plan", "-t", "blog")
    assert "\x1b" not in answer.output + answer.errors
    assert "all is well" in answer.errors
