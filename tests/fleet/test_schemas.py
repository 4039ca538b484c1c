"""The JSON schemas agree with what `load` accepts."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from deploy_orchestrator.documents import parse
from deploy_orchestrator.fleet import json_schemas

Files = dict[str, str | bytes]
MISTAKES = parse((Path(__file__).parent / "mistakes.yaml").read_bytes(), "mistakes.yaml").value
PATHS = {"fleet.yaml": "fleet.yaml", "tenant.yaml": "tenants/shop/tenant.yaml"}
FORM = (
    "there is no such field",
    "the field is missing",
    "expected a Kubernetes quantity",
    "expected a duration",
)


def value_of(text: str | bytes) -> Any:
    return parse(text if isinstance(text, bytes) else text.encode(), "f").value


@pytest.mark.parametrize("file", PATHS)
def test_what_loads_fits_the_schema(files: Files, examples: Files, file: str) -> None:
    validator = jsonschema_rs.validator_for(json_schemas()[file])
    validator.validate(value_of(files[PATHS[file]]))
    for path, text in examples.items():
        if path.rpartition("/")[2] == file:
            validator.validate(value_of(text))


@pytest.mark.parametrize("file", PATHS)
def test_a_mistake_in_form_does_not_fit_the_schema(files: Files, file: str) -> None:
    validator = jsonschema_rs.validator_for(json_schemas()[file])
    of_form = [each for each in MISTAKES[file] if any(said in each["said"] for said in FORM)]
    assert len(of_form) > 3
    for mistake in of_form:
        text = str(files[PATHS[file]]).replace(mistake["right"], mistake["wrong"])
        assert not validator.is_valid(value_of(text)), mistake
