import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy_orchestrator.manifests import ImageReference, NotAnImage

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("postgres", ("docker.io", "library/postgres", None, None)),
        ("postgres:16", ("docker.io", "library/postgres", "16", None)),
        ("docker.io/postgres", ("docker.io", "library/postgres", None, None)),
        ("index.docker.io/bitnami/redis:7", ("docker.io", "bitnami/redis", "7", None)),
        ("bitnami/redis:7.2", ("docker.io", "bitnami/redis", "7.2", None)),
        ("a/b/c:1", ("docker.io", "a/b/c", "1", None)),
        ("ghcr.io/acme/web:1@" + DIGEST, ("ghcr.io", "acme/web", "1", DIGEST)),
        ("localhost/web", ("localhost", "web", None, None)),
        ("localhost:5000/web:v1", ("localhost:5000", "web", "v1", None)),
        ("registry:5000/web", ("registry:5000", "web", None, None)),
        ("[2001:db8::1]:5000/web", ("[2001:db8::1]:5000", "web", None, None)),
        ("Registry/web", ("Registry", "web", None, None)),
        ("a_b/c__d/e---f.g", ("docker.io", "a_b/c__d/e---f.g", None, None)),
        ("web:1.0_A-b", ("docker.io", "library/web", "1.0_A-b", None)),
    ],
)
def test_a_reference_is_filled_in_as_a_runtime_does(text: str, parts: tuple[str | None, ...]) -> None:
    reference = ImageReference.parse(text)
    assert (reference.registry, reference.repository, reference.tag, reference.digest) == parts
    assert ImageReference.parse(str(reference)) == reference


@pytest.mark.parametrize(
    "text",
    ["", " ", "A", "a:", "a@", "a:b:c", "-a", "a-", "a//b", "/a", "a/", "a:-x", "a b", "a@sha256:12", "é",
     "a:" + "x" * 129, "x" * 300, "a:1\n", "ghcr.io/A/b", "a..b", "a___b", "https://ghcr.io/a"],
)  # fmt: skip
def test_what_no_runtime_takes_is_refused(text: str) -> None:
    with pytest.raises(NotAnImage, match="is no image reference"):
        ImageReference.parse(text)


@pytest.mark.parametrize(
    ("text", "pinned"),
    [("a", False), ("a:latest", False), ("a:1", True), ("a@" + DIGEST, True), (f"a:latest@{DIGEST}", True)],
)
def test_an_image_is_pinned_by_a_tag_that_stays_or_a_digest(text: str, pinned: bool) -> None:
    assert ImageReference.parse(text).pinned is pinned


@given(st.text(st.sampled_from("aZ0.:/@_-[]"), max_size=12))
def test_every_text_is_a_reference_that_prints_and_parses_again_or_is_refused(text: str) -> None:
    try:
        reference = ImageReference.parse(text)
    except NotAnImage:
        return
    assert ImageReference.parse(str(reference)) == reference
