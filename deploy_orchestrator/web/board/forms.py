"""What a program may ask of the board, and what it is told: the types of the handlers, as a document.

https://spec.openapis.org/oas/v3.1.1.html
"""

import inspect
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final, Generic, TypeVar, get_args, get_origin, get_type_hints

import pydantic
from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core.core_schema import TimedeltaSchema
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deploy_orchestrator.web.board.showing import Showing, wants_json
from deploy_orchestrator.web.forms import FORM, read_form
from deploy_orchestrator.web.people import Role, person_of

Told = TypeVar("Told")
JSON: Final = "application/json"
_REFERENCE: Final = "#/components/schemas/{model}"
_SPAN: Final = r"^-?P(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?$"
_TEXT: Final = {"type": "string"}
_REFUSALS: Final = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.MISDIRECTED_REQUEST,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
"""What the door says to whoever may not ask, and all pages while Git cannot be read."""


class Asks(BaseModel):
    """What is asked: each field by its name in the path, in the query, or in the form that is sent. Nothing
    else may be, so that nobody takes what they misspelt for answered.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class PageAnswer(Generic[Told]):
    """What a program is `told`, and what a person is `shown` on the page of that name; it is the same for all
    who have the `same`, as `Showing.page` says.
    """

    told: Callable[[], Told]
    name: str
    shown: Mapping[str, Any] = field(default_factory=dict[str, Any])
    same: Hashable = None


Handler = Callable[[Request, Any], Awaitable[PageAnswer[Any] | Response]]


@dataclass(frozen=True)
class Form:
    """What whoever has the `role` asks at a `path` by a `method`, as the types of its `handler` say it. The
    handler may refuse by these statuses, and answer with text of the media type `other`.
    """

    path: str
    handler: Handler
    method: str = "GET"
    refuses: tuple[HTTPStatus, ...] = ()
    other: str = ""
    role: Role = Role.SEES

    @property
    def name(self) -> str:
        return self.handler.__name__

    @property
    def about(self) -> str:
        """What it does, as its handler says, and which role it takes."""
        takes = f"\n\nIt takes the role that {self.role.name.lower()}." if self.role > Role.SEES else ""
        return inspect.cleandoc(self.handler.__doc__ or "") + takes

    @cached_property
    def asks(self) -> type[Asks]:
        return get_type_hints(self.handler)["asked"]

    @cached_property
    def tells(self) -> TypeAdapter[Any] | None:
        """What a program is told; None where it is sent elsewhere."""
        answer = get_type_hints(self.handler)["return"]
        told = [each for each in (answer, *get_args(answer)) if get_origin(each) is PageAnswer]
        return TypeAdapter(get_args(told[0])[0]) if told else None

    def route(self, showing: Showing) -> Route:
        """Where `showing` answers it."""

        async def answered(request: Request) -> Response:
            if person_of(request.scope).role < self.role:
                raise HTTPException(403, f"this takes the role that {self.role.name.lower()} here")
            answer = await self.handler(request, await self._asked(request))
            if isinstance(answer, Response):
                return answer
            tells, told = self.tells, answer.told
            if tells and wants_json(request):
                text = await run_in_threadpool(lambda: tells.dump_json(told()))
                headers = {"Cache-Control": "no-store", "Vary": "Accept"}
                return Response(text, media_type=JSON, headers=headers)
            return await showing.page(request, answer.name, answer.shown, answer.same)

        return Route(self.path, answered, methods=[self.method], name=self.name)

    async def _asked(self, request: Request) -> Asks:
        sent = await read_form(request) if self.method == "POST" else request.query_params
        try:
            return self.asks.model_validate({**sent, **request.path_params})
        except pydantic.ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            name = str(first["loc"][0])
            status = HTTPStatus.NOT_FOUND if name in request.path_params else HTTPStatus.BAD_REQUEST
            raise HTTPException(status, f"{name}: {first['msg']}") from error


class _Schemas(GenerateJsonSchema):
    """Says how spans of time are written, whose fractions of seconds the format `duration` does not know:
    https://www.rfc-editor.org/rfc/rfc3339#appendix-A.
    """

    def timedelta_schema(self, schema: TimedeltaSchema) -> dict[str, Any]:
        return {"type": "string", "pattern": _SPAN, "description": "A span of time, as in ISO 8601."}


def document(forms: Sequence[Form]) -> dict[str, Any]:
    """The OpenAPI document of all `forms`."""
    asked = [(form, "validation", TypeAdapter(form.asks)) for form in forms]
    told = [(form, "serialization", form.tells) for form in forms if form.tells]
    schemas, shared = TypeAdapter.json_schemas(
        [*asked, *told],  # pyright: ignore[reportArgumentType]
        ref_template=_REFERENCE,
        schema_generator=_Schemas,
    )
    components = dict(shared.get("$defs", {}))
    paths: dict[str, dict[str, Any]] = {}
    for form in forms:
        asks = _resolved(schemas[form, "validation"], components)  # pyright: ignore[reportArgumentType]
        tells = schemas.get((form, "serialization"))  # pyright: ignore[reportArgumentType, reportCallIssue]
        paths.setdefault(form.path, {})[form.method.lower()] = _operation(form, asks, tells)
    for form in forms:
        components.pop(form.asks.__name__, None)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "deploy-orchestrator",
            "version": version("deploy-orchestrator"),
            "description": "The board, as programs ask it. Whoever asks for `application/json` is told so.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _operation(form: Form, asks: Mapping[str, Any], tells: Any) -> dict[str, Any]:
    fields: Mapping[str, Any] = asks.get("properties", {})
    in_path = [name for name in fields if f"{{{name}}}" in form.path]
    rest = [name for name in fields if name not in in_path]
    required: Sequence[str] = asks.get("required", ())
    parameters = [_parameter(name, "path", fields[name], True) for name in in_path]
    body: dict[str, Any] = {}
    if form.method == "GET":
        parameters += [_parameter(name, "query", fields[name], name in required) for name in rest]
    elif rest:
        sent = {
            "type": "object",
            "properties": {name: _alone(fields[name]) for name in rest},
            "required": [name for name in rest if name in required],
            "additionalProperties": False,
        }
        body = {"requestBody": {"required": bool(sent["required"]), "content": {FORM: {"schema": sent}}}}
    summary, _, description = form.about.partition("\n\n")
    return {
        "operationId": form.name,
        "summary": " ".join(summary.split()),
        **({"description": description} if description else {}),
        "parameters": parameters,
        **body,
        "responses": dict(_responses(form, tells)),
    }


def _parameter(name: str, place: str, schema: Mapping[str, Any], required: bool) -> dict[str, Any]:
    about = {"description": schema["description"]} if "description" in schema else {}
    return {"name": name, "in": place, "required": required, **about, "schema": _alone(schema)}


def _alone(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name not in ("title", "description")}


def _responses(form: Form, tells: Any) -> list[tuple[str, dict[str, Any]]]:
    said = {JSON: {"schema": tells}} | ({form.other: {"schema": _TEXT}} if form.other else {})
    done = (
        ("200", {"description": "What is asked for.", "content": said})
        if form.tells
        else ("303", {"description": "It is done: see the page that this leads to."})
    )
    refusals = sorted({*_REFUSALS, HTTPStatus.BAD_REQUEST, *form.refuses})
    text = {"text/plain": {"schema": _TEXT}}
    return [done, *((str(each.value), {"description": each.phrase, "content": text}) for each in refusals)]


def _resolved(schema: Any, components: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    return components[name] if name else schema
