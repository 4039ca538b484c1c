"""Each value is told with the file that it comes from, as Helm would merge them."""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from deploy_orchestrator.charts import layered
from deploy_orchestrator.manifests import layered_origins

NAMES = st.sampled_from(["a", "b", "c"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=2),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


def test_the_last_file_that_says_a_key_is_where_it_comes_from() -> None:
    found = layered_origins(
        [
            ("values.yaml", {"image": {"tag": "1", "name": "web"}, "list": [1, 2]}),
            ("dev.yaml", {"image": {"tag": "2"}, "list": [3]}),
            ("inline", {"image": {"tag": "3"}, "new": None}),
        ]
    )
    assert [(each.key, each.value, each.file, each.over) for each in found] == [
        (("image", "name"), "web", "values.yaml", ()),
        (("image", "tag"), "3", "inline", ("values.yaml", "dev.yaml")),
        (("list",), [3], "dev.yaml", ("values.yaml",)),
        (("new",), None, "inline", ()),
    ]


@example([{"a": {"a": 0}}, {"a": 0}, {"a": {}}])
@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=3), max_size=4))
def test_all_of_them_together_are_what_helm_gets(layers: list[dict[str, Any]]) -> None:
    found = layered_origins([(str(number), each) for number, each in enumerate(layers)])
    together: dict[str, Any] = {}
    for each in found:
        *above, last = each.key
        here = together
        for step in above:
            here = here.setdefault(step, {})
        here[last] = each.value
    assert together == layered(layers)
