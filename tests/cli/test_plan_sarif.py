"""`plan --format sarif`: findings and risks at the files that they come from."""

import re
from typing import Any

from tests.desk import FILES, Answer, Desk

POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: {{ .Release.Name }}
spec:
  containers:
    - name: web
      image: {{ .Values.image | default "ghcr.io/acme/web" }}
      securityContext: {privileged: true}
"""


def located(answer: Answer) -> list[tuple[str, str, str, int]]:
    (run,) = answer.json["runs"]
    found: list[tuple[str, str, str, int]] = []
    for result in run["results"]:
        (location,) = result["locations"]
        place = location["physicalLocation"]
        found.append(
            (
                result["ruleId"],
                result["level"],
                place["artifactLocation"]["uri"],
                place["region"]["startLine"],
            )
        )
    return found


def test_findings_stand_at_the_template_and_risks_at_the_values_of_the_tenant(desk: Desk) -> None:
    desk.commit("charts/app/templates/pod.yaml", POD)
    desk.commit("tenants/shop/values.yaml", "legacy: false\nunread: 1\n")
    answer = desk.run("plan", "--from", "main~2", "--tenant", "shop", "--format", "sarif")
    assert answer.code == 1
    found = located(answer)
    assert ("pod-privileged", "error", "charts/app/templates/pod.yaml", 2) in found
    assert ("unread-value", "warning", "tenants/shop/values.yaml", 2) in found
    assert ("object-deleted", "warning", "tenants/shop/values.yaml", 1) in found
    assert not [rule for rule, *_ in found if rule == "check-failed"]
    assert len(found) == len(set(found))


def test_a_finding_is_as_grave_as_the_policy_takes_it(desk: Desk) -> None:
    checks = "{pod-privileged: {severity: needs-approval, reason: nodes of its own}}"
    environment = "  - name: dev\n"
    assert environment in FILES["fleet.yaml"]
    desk.commit(
        "fleet.yaml",
        FILES["fleet.yaml"].replace(environment, f"{environment}    policy: {{checks: {checks}}}\n"),
    )
    desk.commit("charts/app/templates/pod.yaml", POD)
    found = located(desk.run("plan", "--from", "main~1", "--environment", "dev", "--format", "sarif"))
    assert {level for rule, level, *_ in found if rule == "pod-privileged"} == {"warning"}
    assert {level for rule, level, *_ in found if rule == "image-unpinned"} == {"error"}


TWO = """\
{{- /* Two objects in one file. */}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-first
data:
  endpoint: one
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-second
data:
  endpoint: {{ .Values.greeting }}
"""


def test_a_risk_stands_at_the_object_in_the_template_that_changes(desk: Desk) -> None:
    desk.commit("charts/app/templates/two.yaml", TWO)
    desk.commit("tenants/shop/values.yaml", "greeting: https://elsewhere.example.com\n")
    found = located(desk.run("plan", "--from", "main~1", "--tenant", "shop", "--format", "sarif"))
    (line,) = {line for _, _, file, line in found if file == "charts/app/templates/two.yaml"}
    assert line == 10


def test_one_thing_in_many_deployments_is_told_once_and_names_them(desk: Desk) -> None:
    desk.commit("tenants/shop/values.yaml", "unread: 1\n")
    answer = desk.run("plan", "--from", "main~1", "--format", "sarif")
    (result,) = answer.json["runs"][0]["results"]
    names = [each["fullyQualifiedName"] for each in result["locations"][0]["logicalLocations"]]
    assert names == ["dev/shop", "production/shop"]


def test_what_the_state_before_has_too_is_not_told_again(desk: Desk) -> None:
    desk.commit("tenants/shop/values.yaml", "unread: 1\n")
    desk.commit("tenants/shop/values.yaml", "# further down\nunread: 1\ngreeting: hey\n")
    answer = desk.run("plan", "--from", "main~1", "--format", "sarif")
    assert "unread-value" not in [rule for rule, *_ in located(answer)]


def test_a_broken_tenant_is_an_error_at_its_line(desk: Desk) -> None:
    desk.commit("tenants/shop/tenant.yaml", "chart: {name: app, version: 0.1.0}\nenvironments: [nowhere]\n")
    answer = desk.run("plan", "--from", "main~1", "--format", "sarif")
    assert answer.code == 2
    assert [each[:3] for each in located(answer)] == [("not-rendered", "error", "tenants/shop/tenant.yaml")]


def test_a_reason_that_is_of_no_risk_rule_explains_itself(desk: Desk) -> None:
    desk.commit("charts/app/templates/greeting.yaml", '{{ fail "no luck" }}\n')
    desk.commit("charts/app/templates/greeting.yaml", "# nothing\n")
    answer = desk.run("plan", "--from", "main~1", "-t", "blog", "--format", "sarif")
    require_sarif(answer.json)
    assert ("nothing-to-compare", "warning", "tenants/blog/tenant.yaml", 1) in located(answer)


def test_it_is_sarif_as_the_standard_requires(desk: Desk) -> None:
    desk.commit("charts/app/templates/a b#1.yaml", POD)
    answer = desk.run("plan", "--from", "main~1", "--format", "sarif")
    require_sarif(answer.json)
    uris = {uri for _, _, uri, _ in located(answer)}
    assert "charts/app/templates/a%20b%231.yaml" in uris


def require_sarif(log: Any) -> None:
    """The properties that SARIF 2.1.0 requires, and those that GitHub's code scanning does."""
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "deploy-orchestrator"
    rules = [each["id"] for each in driver["rules"]]
    assert len(rules) == len(set(rules))
    for rule in driver["rules"]:
        texts = (rule["shortDescription"]["text"], rule["fullDescription"]["text"], rule["help"]["text"])
        assert all(text.strip() for text in texts)
        assert len(rule["fullDescription"]["text"]) <= 1024
    assert run["results"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in {"none", "note", "warning", "error"}
        assert result["message"]["text"]
        assert re.fullmatch(r"[0-9a-f]{64}", result["partialFingerprints"]["primaryLocationLineHash"])
        for location in result["locations"]:
            place = location["physicalLocation"]
            assert re.fullmatch(r"[A-Za-z0-9._~%/-]+", place["artifactLocation"]["uri"])
            assert place["region"]["startLine"] >= 1
