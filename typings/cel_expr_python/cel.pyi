"""What is used of cel-expr-python, which has stubs and does not say so."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

class CelExtensionBase: ...

class Type:
    BOOL: ClassVar[Type]
    DYN: ClassVar[Type]

class Value:
    def type(self) -> Type: ...
    def value(self) -> Any: ...

class Expression:
    def eval(self, *, data: Mapping[str, Any]) -> Value: ...

class Env:
    def compile(self, expression: str) -> Expression: ...

def NewEnv(*, variables: Mapping[str, Type], extensions: Sequence[CelExtensionBase]) -> Env: ...  # noqa: N802
