from deploy_orchestrator.charts import layered


def test_later_layers_win_maps_merge_lists_replace_and_null_stays() -> None:
    layers = [
        {"a": {"b": 1, "c": [1, 2]}, "d": 1},
        {"a": {"b": 2, "c": [3]}, "d": None, "e": {"f": 1}},
        {"e": 5},
    ]

    assert layered(layers) == {"a": {"b": 2, "c": [3]}, "d": None, "e": 5}


def test_layers_are_left_as_they_are() -> None:
    first = {"a": {"b": 1}}

    layered([first, {"a": {"b": 2}}])

    assert first == {"a": {"b": 1}}
