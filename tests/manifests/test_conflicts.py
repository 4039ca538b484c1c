from collections.abc import Callable
from typing import Any

import pytest
import yaml

from deploy_orchestrator.manifests import Finding, Workspace, conflicts, version_conflicts

HUB = "https://charts.example.com"
NAMED = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
data:
  label: {{{{ include "common.label" . }}}}
"""

Conflicts = Callable[..., list[Finding]]


def brings(name: str, common: str, label: str) -> dict[str, str]:
    """A subchart that brings `common` in a version, whose `common.label` it prints."""
    exact = {"name": "common", "version": common, "repository": HUB}
    about = {"apiVersion": "v2", "name": name, "version": "0.1.0", "dependencies": [exact]}
    label = f'{{{{ define "common.label" }}}}{label}{{{{ end }}}}'
    library = {"apiVersion": "v2", "name": "common", "version": common, "type": "library"}
    return {
        f"charts/{name}/Chart.yaml": yaml.safe_dump(about),
        f"charts/{name}/templates/label.yaml": NAMED.format(name=name),
        f"charts/{name}/charts/common/Chart.yaml": yaml.safe_dump(library),
        f"charts/{name}/charts/common/templates/_label.tpl": label,
    }


NEEDS = [{"name": each, "version": "0.1.0", "condition": f"{each}.enabled"} for each in ("a", "b")]


@pytest.fixture
def found(on_disk: Any, workspace: Workspace) -> Conflicts:
    """The conflicts in `dev/ml`, whose chart needs a and b."""

    def found(files: dict[str, str], values: str = "", **tenant: Any) -> list[Finding]:
        on_disk.chart("ml", files, dependencies=NEEDS)
        on_disk.tenant("ml", {"values.yaml": values}, **tenant)
        fleet = on_disk.load()
        return conflicts(fleet.deployment("dev", "ml"), fleet, workspace)

    return found


def test_two_versions_of_a_library_that_replace_each_others_templates_are_an_error(found: Conflicts) -> None:
    (conflict,) = found({**brings("a", "1.0.0", "one"), **brings("b", "2.0.0", "two")})
    assert (conflict.rule, conflict.severity) == ("dependency-conflict", "error")
    assert conflict.message.startswith(
        "charts/ml: Because a 0.1.0 needs common 1.0.0 and b 0.1.0 needs common 2.0.0"
    )
    assert "no version of common can serve all" in conflict.message


def test_two_versions_of_a_library_that_are_equal_are_nothing(found: Conflicts) -> None:
    assert found({**brings("a", "1.0.0", "same"), **brings("b", "2.0.0", "same")}) == []


def test_a_chart_that_the_values_switch_off_conflicts_with_nothing(found: Conflicts) -> None:
    files = {**brings("a", "1.0.0", "one"), **brings("b", "2.0.0", "two")}
    assert found(files, "b: {enabled: false}") == []
    assert len(found(files, "b: {enabled: true}")) == 1


def test_a_chart_is_loaded_once_for_all_that_run_it_with_values_of_their_own(
    found: Conflicts, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {**brings("a", "1.0.0", "one"), **brings("b", "2.0.0", "two")}
    assert len(found(files)) == 1
    monkeypatch.setattr(version_conflicts, "load", None)
    assert found(files, "b: {enabled: false}") == []
    assert len(found(files, "b: {enabled: true}")) == 1


def test_what_a_chart_needs_and_does_not_bring_is_only_told(found: Conflicts) -> None:
    files = {**brings("a", "1.0.0", "one"), **brings("b", "2.0.0", "two")}
    lacking = {file: text for file, text in files.items() if not file.startswith("charts/b/charts/")}
    (missing,) = found(lacking)
    assert (missing.rule, missing.severity) == ("dependency-unjudged", "warning")
    assert missing.message.startswith("charts/ml: b@0.1.0 needs common 2.0.0 and does not bring it.")


def test_harm_that_nobody_can_tell_blocks_only_what_no_version_could_satisfy(found: Conflicts) -> None:
    dynamic = {
        "charts/b/templates/dynamic.yaml": "# {{ include .Values.name . }}",
        "charts/b/values.yaml": "name: common.label",
    }
    alone = {
        file: text.replace('include "common.label" .', '"plain" | quote')
        for file, text in {**brings("a", "1.0.0", "one"), **brings("b", "2.0.0", "two")}.items()
    }
    (conflict,) = found({**alone, **dynamic})
    assert (conflict.rule, conflict.severity) == ("dependency-conflict", "error")


def test_an_exception_of_the_tenant_covers_a_conflict(found: Conflicts) -> None:
    exception = {"rule": "dependency-conflict", "reason": "looked at", "expires": "2999-01-01T00:00:00Z"}
    files = {**brings("a", "1.0.0", "one"), **brings("b", "2.0.0", "two")}
    (conflict,) = found(files, exceptions=[exception])
    assert conflict.severity == "warning"


def test_the_same_charts_with_the_same_values_are_judged_once(found: Conflicts, workspace: Workspace) -> None:
    files = {**brings("a", "1.0.0", "one"), **brings("b", "2.0.0", "two")}
    folder = workspace.downloads.parent / "releases"
    first, kept = found(files, "# once"), len(list(folder.rglob("*")))
    assert found(files, "# once") == first
    assert len(list(folder.rglob("*"))) == kept


def test_templates_of_charts_that_know_nothing_of_each_other_are_an_error(found: Conflicts) -> None:
    def defines(name: str) -> dict[str, str]:
        about = {"apiVersion": "v2", "name": name, "version": "0.1.0"}
        return {
            f"charts/{name}/Chart.yaml": yaml.safe_dump(about),
            f"charts/{name}/templates/_label.tpl": f'{{{{ define "common.label" }}}}{name}{{{{ end }}}}',
            f"charts/{name}/templates/label.yaml": NAMED.format(name=name),
        }

    (collision,) = found({**defines("a"), **defines("b")})
    assert (collision.rule, collision.severity) == ("dependency-conflict", "error")
    assert "gets that of a@0.1.0 instead of that of b@0.1.0, which it brings" in collision.message


def test_a_dependency_for_which_helm_takes_either_of_two_charts_is_an_error(found: Conflicts) -> None:
    def copy(folder: str, text: str) -> dict[str, str]:
        about = {"apiVersion": "v2", "name": "c", "version": "0.1.0"}
        return {
            f"charts/a/charts/{folder}/Chart.yaml": yaml.safe_dump(about),
            f"charts/a/charts/{folder}/templates/c.yaml": f"kind: ConfigMap\nmetadata: {{name: {text}}}\n",
        }

    a = {"apiVersion": "v2", "name": "a", "version": "0.1.0", "dependencies": [{"name": "c", "version": "*"}]}
    b = {"apiVersion": "v2", "name": "b", "version": "0.1.0"}
    charts = {f"charts/{each['name']}/Chart.yaml": yaml.safe_dump(each) for each in (a, b)}
    (deviation,) = found({**charts, **copy("c", "one"), **copy("c-copy", "two")})
    assert (deviation.rule, deviation.severity) == ("dependency-deviation", "error")
    assert "by chance" in deviation.message
