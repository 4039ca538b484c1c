from hypothesis import given
from hypothesis import strategies as st

from deploy_orchestrator.errors import first_few


@given(st.lists(st.text("abc", min_size=1), max_size=9), st.integers(1, 9))
def test_the_first_few_and_how_many_more_are_all(names, most):
    told, _, more = first_few(names, most, "; ").partition(" and ")
    shown = told.split("; ") if told else []
    assert shown == names[:most]
    assert len(shown) + int(more.removesuffix(" more") or 0) == len(names)
