"""Secrets are cut out; parameters become values as Helm makes them."""

import copy
from typing import Any

import helm_python
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from deploy_orchestrator.adoption import CUT, NotAdoptable, Parameter, with_parameter, without_secrets


@pytest.mark.parametrize(
    "values",
    [
        {"password": "hunter2"},
        {"adminPassword": "hunter2"},
        {"aws": {"secretAccessKey": "hunter2"}},
        {"credentials": {"user": "hunter2"}},
        {"tokens": ["hunter2", "b"]},
        {"env": [{"name": "DB_PASSWORD", "value": "hunter2"}]},
        {"url": "postgres://me:hunter2@db/x"},
        {"args": ["--dsn", "https://u:hunter2@h/"]},
        {"key": "-----BEGIN RSA PRIVATE KEY-----\nhunter2"},
        {"secrets": {"db": {"main": "hunter2"}}},
        {"password": 73195842, "x": ""},
        {"dbPass": "hunter2"},
        {"pwd": "hunter2"},
        {"signingKey": "hunter2"},
        {"secretName": "", "secretKey": "hunter2"},
        {"secretName": "x", "secretKey": "postgres://me:hunter2@db/x"},
        {"secretName": "s3", "accessKey": "AKIAhunter2", "secretKey": "hunter2"},
        {"secretName": "s3", "secretKey": "hunter2/K7MDENG"},
        {"envSecrets": {"API_TOKEN": "b3f1c2aa-8c1e-4d0b-9f5a-1b2c3d4e5f60", "password": "hunter2"}},
        {"externalSecrets": {"password": "hunter2"}},
        {"externalSecrets": {"password": "xY/hunter2", "url": "https://u:hunter2@h/"}},
        {"encryptionKey": "hunter2"},
        {"registry": {"auth": "hunter2"}},
        {".dockerconfigjson": "hunter2"},
        {"tls.key": "hunter2"},
        {"env": [{"key": "DB_PASSWORD", "value": "hunter2"}]},
        {"config": "db:\n  password: hunter2\n"},
        {"args": ["--password=hunter2"]},
        {"args": ["--password", "hunter2"]},
        {"repo": "https://hunter2@github.com/x"},
        {"x": "ghp_hunter2"},
        {"x": "https://hooks.slack.com/services/hunter2"},
        {"x": "-----BEGIN PGP PRIVATE KEY BLOCK-----hunter2"},
        {"x": "Basic aHVudGVyMg==hunter2"},
    ],
    ids=str,
)
def test_a_secret_is_cut_out_wherever_it_stands(values: dict[str, Any]) -> None:
    before = copy.deepcopy(values)
    kept, found = without_secrets(values)
    assert values == before
    assert "hunter2" not in str(kept)
    assert "73195842" not in str(kept)
    assert "b3f1c2aa" not in str(kept)
    assert CUT in str(kept)
    assert found


@pytest.mark.parametrize(
    "values",
    [
        {"secretName": "db"},
        {"existingSecret": "db", "auth": {"existingSecretPasswordKey": "pw"}},
        {"token": {"ttl": "1h", "enabled": True}},
        {"externalSecrets": {"refresh": "1h"}},
        {"imagePullSecrets": [{"name": "registry"}]},
        {"passwordLength": 12, "secret": None, "tokenPath": "/var/run/x"},
        {"env": [{"name": "LOG_LEVEL", "value": "debug"}]},
        {"config": "password: ${PASSWORD}\nsecretName: db\ncompass: 1\n", "sslPassthrough": "on"},
        {"auth": {"username": "web"}, "x": "Basic authentication", "url": "https://example.com/a@b"},
        {"fence": {"externalSecrets": {"jwtKeys": "prod-fence-jwt-keys", "sshKeys": "prod/fence/ssh"}}},
        {"envSecrets": [{"name": "PASSWORD", "secretName": "ts/db", "secretKey": "dbpass"}]},
        {"envSecrets": {"PROCESS_CONNECTION_PASS": "process-connection-pass"}},
        {"ACCESS_TOKEN_EXPIRES_IN": 1200, "TOKEN_EXPIRES_IN": {"code": 1}, "tokenTypes": ["a"]},
        {"origins_allow_credentials": ["https://a.example.com"], "JWT_ALG": "HS256"},
        {"vaultSecretsPathPrefix": "secret/apps", "databasePasswordKey": "tap", "awsAccessKeyId": "AKIA1"},
    ],
    ids=str,
)
def test_what_only_names_a_secret_stays(values: dict[str, Any]) -> None:
    assert without_secrets(values) == (values, ())


STEPS = st.sampled_from(["a", "b", "image", r"with\.dot", "n-1", "list[0]", "list[2]"])
VALUES = st.sampled_from(
    ["1", "0", "-3", "007", "1.5", "true", "FALSE", "null", "", "text", "a b", "{a,1}", "{}", r"x\,y", "1e3"]
)


@example([("list[0]", "{a,1}"), ("list[0].a", "1")], False)
@given(
    st.lists(st.tuples(st.lists(STEPS, min_size=1, max_size=3).map(".".join), VALUES), max_size=3),
    st.booleans(),
)
def test_parameters_are_what_helm_makes_of_them(given_: list[tuple[str, str]], text: bool) -> None:
    assume(
        not any("[" in name and not value for name, value in given_)
    )  # Helm drops an item without a value.
    parse = helm_python.parse_set_string_values if text else helm_python.parse_set_string
    try:
        expected = parse(",".join(f"{name}={value}" for name, value in given_)) if given_ else {}
    except helm_python.HelmError:
        assume(False)
        return
    found: dict[str, Any] = {}
    for name, value in given_:
        with_parameter(found, Parameter(name, value, text))
    assert found == expected


def test_a_comma_is_a_part_of_the_value_as_argo_cd_gives_it() -> None:
    found: dict[str, Any] = {}
    with_parameter(found, Parameter("hosts", "a,b", False))
    assert found == {"hosts": "a,b"}


@pytest.mark.parametrize("name", ["", ".", "a..b", "a[", "a[x]", "a.", "[0]", ".".join("a" * 65)])
def test_a_parameter_that_names_no_value_is_refused(name: str) -> None:
    with pytest.raises(NotAdoptable, match="names no value"):
        with_parameter({}, Parameter(name, "1", False))
