"""Lines side by side: all of both versions, each in its order, and what stays beside itself."""

from hypothesis import given
from hypothesis import strategies as st

from deploy_orchestrator.web.board.sides import pairs

UNIFIED = st.lists(st.tuples(st.sampled_from(" -+@#"), st.text("ab: ", max_size=5)).map("".join))


@given(UNIFIED)
def test_each_side_has_its_lines_in_their_order_and_none_of_the_other(lines: list[str]) -> None:
    rows = list(pairs("\n".join(lines)))
    assert [left for left, _ in rows if left] == [each for each in lines if each[0] != "+"]
    assert [right for _, right in rows if right] == [each for each in lines if each[0] != "-"]
    assert all(left == right or (left[:1] in ("", "-") and right[:1] in ("", "+")) for left, right in rows)


def test_what_comes_in_place_of_what_goes_stands_beside_it() -> None:
    text = "@@ -1 +1 @@\n a\n-b\n-c\n+d\n e\n+f\n"
    assert list(pairs(text))[1:] == [(" a", " a"), ("-b", "+d"), ("-c", ""), (" e", " e"), ("", "+f")]
