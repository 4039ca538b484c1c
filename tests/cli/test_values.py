def test_each_value_is_shown_with_its_file(desk):
    desk.commit("tenants/shop/values.yaml", "greeting: hi\npassword: hunter2\n")
    answer = desk.run("values", "shop", "--environment", "dev")
    assert answer.code == 0
    lines = [line.split() for line in answer.output.splitlines()]
    assert lines[0] == ["dev/shop"]
    assert ["greeting:", '"hi"', "tenants/shop/values.yaml", "charts/app/values.yaml"] in lines
    assert ["legacy:", "true", "charts/app/values.yaml"] in lines
    assert "hunter2" not in answer.output


def test_values_as_json_name_the_environment(desk):
    told = desk.json("values", "shop")
    assert {each["environment"] for each in told} == {"dev", "production"}
    assert told[0] == {
        "environment": "dev",
        "release": "shop",
        "key": ["greeting"],
        "value": "hello",
        "file": "charts/app/values.yaml",
        "over": [],
    }


def test_an_unknown_tenant_is_named(desk):
    answer = desk.run("values", "shp")
    assert answer.code == 2
    assert "did you mean shop?" in answer.errors
