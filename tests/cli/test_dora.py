"""`dora` on a small fleet. What its figures are is in `tests/telemetry`."""


def test_each_environment_has_a_line_and_all_have_one(desk):
    answer = desk.run("dora")
    assert answer.code == 0, answer.errors
    lines = [line.split()[:2] for line in answer.output.splitlines()]
    assert ["dev", "2"] in lines
    assert ["production", "1"] in lines
    assert ["all", "3"] in lines


def test_lines_are_by_tenant_or_chart_and_of_one_environment(desk):
    assert "blog" not in desk.run("dora", "--by", "tenant", "--environment", "production").output
    assert "app" in desk.run("dora", "--by", "chart").output
    said = desk.json("dora", "--environment", "dev", "--tenant", "shop")
    assert list(said["tenants"]) == ["shop"]
    assert said["all"]["deployments"] == 1


def test_a_name_that_there_is_not_is_refused(desk):
    answer = desk.run("dora", "--tenant", "shp")
    assert answer.code == 2
    assert "shop" in answer.errors


def test_where_nothing_was_released_it_says_so(fresh):
    assert "Nothing was released" in fresh.run("dora").output
