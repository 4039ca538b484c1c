"""What is no difference to one reader of a file is one to the next, and the order of flags is one, too."""

from collections.abc import Sequence
from typing import Any

import pytest

from deploy_orchestrator.risk import Verdict
from tests.risk.conftest import BASE, edited, planned

SUM = 'spec.template.metadata.annotations."checksum/config"'
CONFIG = "ConfigMap/web-config"


def mounted(name: str, before: str, after: str) -> Verdict:
    """The verdict on another text of a file, whose pods start anew for it."""
    old = edited(BASE, {"set": {CONFIG: {f'data."{name}"': before}}})
    new = edited(old, {"set": {CONFIG: {f'data."{name}"': after}, "Deployment/web": {SUM: "2222"}}})
    return planned(old, new, {}).verdict


def started(before: Sequence[str], after: Sequence[str]) -> Verdict:
    path = "spec.template.spec.containers[web].args"
    old, new = (edited(BASE, {"set": {"Deployment/web": {path: [*each]}}}) for each in (before, after))
    return planned(old, new, {}).verdict


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("auth: {required: true}\n", "auth.required: true\n"),
        ("allow: [nobody]\n", "'allow[0]': nobody\n"),
        ("rules: !include strict.yaml\n", "rules: !include loose.yaml\n"),
        ("rules: !include a\n", "rules: !exec a\n"),
        ("rules: !strict {a: 1}\n", "rules: !loose {a: 1}\n"),
        ("guarded: yes\n", "guarded: true\n"),
        ("guarded: y\n", "guarded: 'y'\n"),
        ("mode: 0777\n", "mode: 511\n"),
        ("mode: 0o17\n", "mode: 15\n"),
        ("size: 1_000\n", "size: 1000\n"),
        ("version: 1.10\n", "version: 1.1\n"),
        ("size: !!str 1\n", "size: 1\n"),
        ("allow: []\n", "allow: '[]'\n"),
        ("allow: null\n", "allow: 'None'\n"),
        ("1: a\n", "'1': a\n"),
        ("true: a\n", "'True': a\n"),
    ],
)
def test_what_some_readers_take_for_something_else_waits_for_a_person(before: str, after: str) -> None:
    assert mounted("a.yaml", before, after) is Verdict.NEEDS_APPROVAL


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("a.json", '{"auth": "on"}', "# a comment\nauth: 'on'\n"),
        ("a.json", '{"auth": "on"}', '{"auth": "on",}'),
        ("a.ini", "a = 1\nauth = on\n", "a = 1\n  auth = on\n"),
        ("a.cfg", "[a]\nb = 1\nauth = on\n", "[a]\nb = 1\n\tauth = on\n"),
        ("a.ini", "auth = on\n", "auth : on\n"),
        ("a.ini", "a = x\x0cbanner = a\n", "a = x\x0cbanner = b\n"),
        ("a.ini", "a = x\u2028banner = a\n", "a = x\u2028banner = b\n"),
        ("a.properties", "auth=true\n", "auth=true \n"),
        ("a.env", "AUTH=true\n", "AUTH =true\n"),
        ("a.env", "AUTH=true\n", "AUTH=true\r\n"),
        ("a.ini", "a = 1\n[auth]\nb = 1\n", "a = 1\n [auth]\nb = 1\n"),
        ("a.yaml", "#cloud-config\nauth: 'on'\n", "#!/bin/sh\nauth: 'on'\n"),
    ],
)
def test_what_is_layout_to_some_readers_of_a_file_and_not_to_others_waits(
    name: str, before: str, after: str
) -> None:
    assert mounted(name, before, after) is Verdict.NEEDS_APPROVAL


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("a.json", '{"log": {"level": "info"}}', '{\n  "log": {"level": "debug"}\n}\n'),
        ("a.ini", "; as before\n[log]\nlevel = info\n", "[log]\n\nlevel = debug\n"),
        ("a.properties", "  log.level=info\n", "  log.level=debug\n"),
        ("a.env", "LOG_LEVEL=info\n", "# a comment\nLOG_LEVEL=info\n"),
    ],
)
def test_what_is_layout_to_all_readers_of_a_file_is_safe(name: str, before: str, after: str) -> None:
    assert mounted(name, before, after) is Verdict.SAFE


def test_neither_does_a_key_of_toml_stand_for_a_path() -> None:
    assert mounted("a.toml", "[auth]\nrequired = true\n", "'auth.required' = true\n") is not Verdict.SAFE


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: {b: 1, c: [x, 'y z']}\n", "# as before\na:\n  c:\n    - x\n    - y z\n  b: 1\n"),
        ("a: &a {b: 1}\nc: *a\n", "a: {b: 1}\nc: {b: 1}\n"),
        ("log: {level: info}\n", "log: {level: debug}\n"),
        ("logging.level.org.acme: info\n", "logging.level.org.acme: debug\n"),
        ("a: null\nlogLevel: 1\n", "a: null\nlogLevel: 2\n"),
    ],
)
def test_layout_and_levels_of_logs_are_safe(before: str, after: str) -> None:
    assert mounted("a.yaml", before, after) is Verdict.SAFE


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["--dry-run=true", "--", "--log-level=info"], ["--", "--dry-run=true", "--log-level=debug"]),
        (["--config=x", "serve", "--log-level=info"], ["serve", "--log-level=debug", "--config=x"]),
        (
            ["--include=a", "--exclude=*", "--log-level=info"],
            ["--exclude=*", "--include=a", "--log-level=debug"],
        ),
    ],
)
def test_no_level_of_a_log_hides_another_order_of_flags(before: Any, after: Any) -> None:
    assert started(before, after) is Verdict.NEEDS_APPROVAL


@pytest.mark.parametrize("flag", ["--no-banner", "--show-title", "-greeting"])
def test_no_word_behind_a_flag_is_taken_for_its_words(flag: str) -> None:
    assert started(["run", flag, "import"], ["run", flag, "purge"]) is Verdict.NEEDS_APPROVAL
    assert started(["--log-level", "info"], ["--log-level", "debug"]) is Verdict.SAFE


def test_flags_of_a_log_come_and_go_where_the_others_stay_in_order() -> None:
    assert started(["--a=1", "--log-level=info"], ["--log-level=debug", "--a=1"]) is not Verdict.SAFE
    assert started(["--a=1", "--log-level=info"], ["--a=1", "--log-level=debug"]) is Verdict.SAFE
    assert started(["serve", "--a=1"], ["serve", "--log-format=json", "--a=1"]) is Verdict.SAFE
