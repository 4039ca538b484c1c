"""What a form of one of our pages says, within bounds."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request

from deploy_orchestrator.web.bodies import MAX_SECONDS, TooMuchSent, read_body

MAX_FORM: Final = 16 * 1024
MAX_FIELDS: Final = 20
FORM: Final = "application/x-www-form-urlencoded"


async def read_form(request: Request) -> Mapping[str, str]:
    """The fields of the form, the last one of each name. Raises HTTPException for what is none, or large."""
    if request.headers.get("content-type", FORM).partition(";")[0].strip().lower() != FORM:
        raise HTTPException(415, "a form is expected")
    try:
        body = await read_body(request, MAX_FORM)
    except TooMuchSent as error:
        raise HTTPException(413, "the form is too large") from error
    except TimeoutError as error:
        raise HTTPException(408, f"the form did not arrive within {MAX_SECONDS:.0f} seconds") from error
    try:
        fields = parse_qs(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"
        )
    except ValueError as error:
        raise HTTPException(400, "the form cannot be read") from error
    return {name: values[-1] for name, values in fields.items()}
