"""The file that says who may sign in."""

from pathlib import Path

import pytest

from deploy_orchestrator.documents import DocumentError
from deploy_orchestrator.web import Role, SignInRefused, read_sign_in

FILE = """\
url: https://deploy.example.com
issuers:
  - name: acme
    issuer: https://login.example.com/realms/acme
    client: deploy-orchestrator
roles:
  sees: [acme/*]
  operates: [acme/deployers]
  administers: [Root@example.com]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "sign-in.yaml"
    path.write_text(text)
    return path


def test_who_may_do_most_does_that(tmp_path):
    file = read_sign_in(written(tmp_path, FILE), {})
    assert file.role(()) is Role.NOTHING
    assert file.role(("acme/*",)) is Role.SEES
    assert file.role(("acme/*", "acme/deployers")) is Role.OPERATES
    assert file.role(("root@example.com",)) is Role.ADMINISTERS


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("https://login.example.com", "http://login.example.com", "https://"),
        ("https://login.example.com", "https://me:secret@login.example.com", "no credentials"),
        ("https://deploy.example.com", "http://deploy.example.com", "https://"),
        ("https://deploy.example.com", "https://deploy.example.com/board", "without a path"),
        (
            "acme/*",
            "other/*",
            "sign-in.yaml:7: roles.sees[0]: there is no issuer 'other'\n  fix: known here: acme",
        ),
        ("acme/*", "everybody", "ISSUER/GROUP"),
        ("    client: deploy-orchestrator\n", "", "client"),
        ("roles:", "role:", "did you mean roles"),
        ("issuers:", "issuers: []\nurl: https://a.example\nx:", "stands twice"),
    ],
)
def test_what_cannot_be_meant_is_refused_where_it_stands(tmp_path, was, becomes, said):
    with pytest.raises((DocumentError, SignInRefused)) as refused:
        read_sign_in(written(tmp_path, FILE.replace(was, becomes)), {})
    assert said in str(refused.value)


def test_two_issuers_have_two_names(tmp_path):
    second = "  - {name: acme, issuer: https://a.example, client: c}\nroles:"
    with pytest.raises(DocumentError, match="another name"):
        read_sign_in(written(tmp_path, FILE.replace("roles:", second)), {})


def test_of_several_issuers_each_says_whose_addresses_it_may_speak_for(tmp_path):
    """Else whoever runs one of them, or signs up there, is who another one has as an administrator."""
    second = (
        "  - {name: partner, issuer: https://partner.example, client: c, domains: [partner.example]}\nroles:"
    )
    both = FILE.replace("roles:", second)
    with pytest.raises(DocumentError, match="domains of each"):
        read_sign_in(written(tmp_path, both), {})
    told = both.replace("    client: deploy-orchestrator\n", "    client: c\n    domains: [example.com]\n")
    assert len(read_sign_in(written(tmp_path, told), {}).issuers) == 2


def test_a_secret_for_nobody_is_told_without_it(tmp_path):
    with pytest.raises(SignInRefused) as refused:
        read_sign_in(written(tmp_path, FILE), {"acmee": "hush"})
    assert "did you mean acme?" in str(refused.value)
    assert "hush" not in str(refused.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(SignInRefused, match="cannot be read"):
        read_sign_in(tmp_path / "none.yaml", {})
