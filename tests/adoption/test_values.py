"""Secrets are cut out; parameters become values as Helm makes them."""

import copy
import time
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
        {"args": ["--password=true.hunter2"]},
        {"x": "password: on hunter2"},
        {"x": 'PASSWORD="yes hunter2"'},
        {"x": 'password: {{ .Values.password | default "hunter2" }}'},
        {"password": '{{ b64enc "hunter2" }}'},
        {"password": "{{ .Values.password }}hunter2"},
        {"x": "level=debug,password=hunter2"},
        {"x": "token=${TOKEN},password=hunter2"},
        {"importantSecrets": ["hunter2"]},
        {"createSecrets": {"database": "hunter2"}},
        {"createSecrets": {"password": ["hunter2"]}},
        {"provisionSecrets": ["b3f1c2aahunter2"]},
        {"provisionSecrets": [{"name": "web", "content": "hunter2"}]},
        {"secrets": ["hunter2"]},
        {"jwt": "hunter2"},
        {"token": "$hunter2"},
        {"password": "$hunter2-pass:word"},
        {"maxTokens": "hunter2"},
        {"x": "access_tokens:hunter2"},
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
        {"provisionDatabaseReadonlySecrets": {"mysql": ["signon", "collections_publisher", "db2"]}},
        {"jwt": "required", "routes": [{"jwt": "allow_missing_or_failed"}], "sessionToken": "true"},
        {"jwt_required_endpoint": "/w/api.php?action=compare&format=json"},
        {"GRPC_SERVER_TLS_KEY": "/etc/ratelimit/ssl/tls.key", "args": ["--token=/var/run/token", "--x"]},
        {"tls.key": "/tls/tls.key", "envFromSecret": "web", "dexSecretsNamespaces": ["monitoring"]},
        {"password": "${PASSWORD}", "secret": "$(SECRET)", "apiKey": "$grafana_api_key"},
        {"clientSecret": "$argocd-dex:oidc.clientSecret", "token": "{{ .Values.global.token }}"},
        {"x": 'password: {{ index .Data "password" }}\ntoken = {{ env "T" }}\nsecret: "{{ .a }}-{{ .b }}"'},
        {"secret": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf"},
        {"token": "op://shop/db/token", "password": "ref+vault://secret/shop#/password"},
        {"maxTokens": 4096, "cron": [{"name": "x", "task": "access_tokens:renew_expiring_tokens"}]},
        {"vaultSecretsPathPrefix": "secret/apps", "databasePasswordKey": "tap", "awsAccessKeyId": "AKIA1"},
    ],
    ids=str,
)
def test_what_only_names_a_secret_stays(values: dict[str, Any]) -> None:
    assert without_secrets(values) == (values, ())


@pytest.mark.parametrize(
    "text", ["a=b&", "{{", "a={{", "password={{x}}", 'env "', "/a.", "$a_", "token", "tokens:a_b", "{{ env "]
)
def test_long_texts_are_read_in_time_that_grows_as_they_do(text: str) -> None:
    began = time.process_time()
    without_secrets({"x": text * 50_000, "password": text * 50_000, "provisionSecrets": [text * 50_000]})
    assert time.process_time() - began < 10


SENSITIVE = st.sampled_from(
    [
        "password", "PGPASSWORD", "jwt", "clientSecret", "createSecrets", "maxTokens", "tls.key", "TLS_KEY",
        "provisionDatabaseReadonlySecrets", "access_tokens", "envSecrets", "--api-key",
    ]
)  # fmt: skip
GENERATED = st.from_regex(r"[A-Za-z0-9+/]{12,40}={0,2}", fullmatch=True).filter(
    lambda text: any(map(str.isdigit, text)) and any(map(str.isupper, text)) and "/" not in text[:1]
)
HARMLESS = st.sampled_from(
    ["", "true ", "on", "${PASSWORD}", "$(X)", "{{ .Values.x }}", "required_", "ref+vault:"]
)
SHAPES = st.sampled_from(
    [
        lambda name, text: {name: text},
        lambda name, text: {name: [text]},
        lambda name, text: {name: {"mysql": [text]}},
        lambda name, text: {name: {"nested": {"more": text}}},
        lambda name, text: {"env": [{"name": name, "value": text}]},
        lambda name, text: {"args": [f"--{name.strip('-')}", text]},
        lambda name, text: {"args": [f"--{name.strip('-')}={text}"]},
        lambda name, text: {"config": f"a: b\n{name}: {text}\nc: d\n"},
        lambda name, text: {"config": f'{{"a": 1, "{name}": "{text}", "c": 2}}'},
        lambda name, text: {"command": f"run a=b,{name}={text} --x"},
    ]
)


@given(SENSITIVE, HARMLESS, GENERATED, st.booleans(), SHAPES)
def test_what_is_generated_is_cut_out_whatever_harmless_stands_beside_it(
    name: str, harmless: str, secret: str, first: bool, shape: Any
) -> None:
    kept, _ = without_secrets(shape(name, f"{harmless}{secret}" if first else f"{secret}{harmless}"))
    assert secret not in str(kept)


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
