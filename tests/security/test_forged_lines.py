"""What a chart calls its objects forges no line of what people read."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deploy_orchestrator.manifests import ObjectKey

FORGED = "x\n::add-mask::\n~~~~\n# approved"


@given(st.text(), st.text(), st.text())
@example("ConfigMap", "shop-dev", FORGED)
@example("ConfigMap", FORGED, "settings")
@example(FORGED, "", "settings")
@example("ConfigMap", "", "a\u2028b\x1b[31m\u202e")
def test_an_object_is_told_in_one_line_whatever_it_is_called(kind: str, namespace: str, name: str) -> None:
    told = str(ObjectKey("", kind, namespace or None, name))

    assert told.isprintable()
    assert len(told.splitlines()) <= 1


@pytest.mark.parametrize("name", ["system:node-bootstrapper", "größe", "a b"])
def test_what_prints_is_told_as_it_is(name: str) -> None:
    assert str(ObjectKey("", "ConfigMap", None, name)) == f"ConfigMap {name}"
