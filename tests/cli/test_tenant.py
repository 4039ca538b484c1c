import subprocess
from pathlib import Path

import pytest


def test_a_new_tenant_is_ready_to_be_committed(desk):
    answer = desk.run("tenant", "new", "cafe")
    assert answer.code == 0
    assert Path(".local/fleet/tenants/cafe/values.yaml").read_text() == "greeting: hello from cafe\n"
    commands = [line for line in answer.output.splitlines() if line.startswith("git ")]
    for command in commands:
        subprocess.run(command, shell=True, check=True)
    assert "dev/cafe" in desk.run("plan", "--tenant", "cafe").output


def test_as_json_it_is_the_files_that_were_written(desk):
    assert desk.json("tenant", "new", "cafe") == {
        "tenant": "cafe",
        "files": [
            ".local/fleet/tenants/cafe/tenant.yaml",
            ".local/fleet/tenants/cafe/values.yaml",
        ],
    }


def test_a_working_copy_elsewhere_can_be_named(desk, tmp_path):
    subprocess.run(["git", "clone", "--quiet", desk.fleet, tmp_path / "mine"], check=True)
    subprocess.run(["git", "-C", tmp_path / "mine", "switch", "--quiet", "-c", "cafe"], check=True)
    assert desk.run("tenant", "new", "cafe", "--fleet", "mine").code == 0
    assert (tmp_path / "mine/tenants/cafe/tenant.yaml").is_file()


def test_what_is_there_is_never_overwritten(desk):
    assert desk.run("tenant", "new", "shop").code == 2
    desk.run("tenant", "new", "cafe")
    file = Path(".local/fleet/tenants/cafe/values.yaml")
    file.write_text("mine: true\n")
    answer = desk.run("tenant", "new", "cafe")
    assert answer.code == 2
    assert "fix: choose another name" in answer.errors
    assert file.read_text() == "mine: true\n"
    assert sorted(path.name for path in Path(".local/fleet/tenants").iterdir()) == [
        "_template",
        "blog",
        "cafe",
        "shop",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("Cafe",), "a tenant cannot be called 'Cafe'"),
        (("../cafe",), "a tenant cannot be called '../cafe'"),
        (("cafe", "--fleet", "/nowhere"), "make one: deploy-orchestrator init"),
        (("cafe", "--fleet", ".local/deployments.git"), "there is no template"),
        (("cafe", "--fleet", ".local/fleet/charts"), "no working copy"),
    ],
)
def test_what_cannot_be_exits_2_and_says_why(desk, arguments, said):
    answer = desk.run("tenant", "new", *arguments)
    assert answer.code == 2
    assert said in answer.errors
