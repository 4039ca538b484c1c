import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy_orchestrator.documents import DocumentError, dump, edited, parse

TEXT = """\
# what it is
name: web   # its name
version: "1.0.0"
dependencies:
  - {name: db, version: ~15.1}  # keep in step with the operator
  - name: cache
    version: '>=1'

    # why: see the runbook
    alias: c
"""


def test_only_what_is_edited_changes() -> None:
    fields = {
        ("version",): "1.1.0",
        ("dependencies", 0, "version"): "~16.0",
        ("dependencies", 1, "version"): ">=2",
    }
    new = edited(parse(TEXT.encode(), "Chart.yaml"), fields)
    assert new == (TEXT.replace('"1.0.0"', '"1.1.0"').replace("~15.1", "~16.0").replace("'>=1'", "'>=2'"))


@pytest.mark.parametrize(
    ("text", "value", "new"),
    [
        ("version: 1.0.0\n", "2.0", 'version: "2.0"\n'),
        ("version: 1.0.0\n", ">=2", 'version: ">=2"\n'),
        ("version: 1.0.0\n", "^2.0.0", "version: ^2.0.0\n"),
        ("version: |\n  1.0.0\nname: ü\n", "2.0.0", "version: 2.0.0\nname: ü\n"),
        ("name: üü\nversion: 'ü'\n", "2.0.0", "name: üü\nversion: '2.0.0'\n"),
        ("version: 1.0.0\r\nname: a\r\n", "2.0.0", "version: 2.0.0\r\nname: a\r\n"),
        ("{name: a, version: 1.0.0}", "a, b", '{name: a, version: "a, b"}'),
    ],
)
def test_a_value_keeps_its_quotes_or_gets_those_that_it_needs(text: str, value: str, new: str) -> None:
    assert edited(parse(text.encode(), "x"), {("version",): value}) == new


@pytest.mark.parametrize(
    "text", ["name: a\n", "version: [1]\n", "a: &v 1.0.0\nversion: *v\n", "version:\n", "[version]\n"]
)
def test_what_cannot_be_changed_alone_is_told(text: str) -> None:
    with pytest.raises(DocumentError):
        edited(parse(text.encode(), "x"), {("version",): "2.0.0"})


@given(
    st.dictionaries(st.text(max_size=5), st.text(max_size=8), min_size=1, max_size=4),
    st.text(max_size=8),
    st.data(),
)
def test_any_text_goes_where_it_is_put(values: dict[str, str], text: str, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(values)))
    document = parse(dump(values), "x")
    try:
        new = edited(document, {(key,): text})
    except DocumentError:
        return
    assert parse(new.encode(), "x").value == {**document.value, key: text}
