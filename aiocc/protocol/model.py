"""The base of requests and results, as far as foreign frameworks are concerned: pydantic asks it for a schema.

msgspec and cattrs read attrs classes by themselves. pydantic is no dependency: what asks has it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Self, get_type_hints

import attrs


class Model:
    """A frozen attrs class whose fields make up its JSON object, under their own names.

    It can stand in a body or a response of FastAPI, and in any pydantic model: a value that its checks refuse is a
    validation error there.
    """

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        schema = import_module("pydantic_core.core_schema")
        hints = get_type_hints(cls)
        fields = schema.typed_dict_schema(
            {
                one.name: schema.typed_dict_field(handler.generate_schema(hints[one.name]), required=_is_required(one))
                for one in attrs.fields(cls)  # type: ignore[arg-type]  # every model is an attrs class
            },
            metadata={"pydantic_js_updates": {"title": cls.__name__, "description": _summary(cls)}},
        )
        return schema.no_info_wrap_validator_function(
            cls._from_pydantic,
            fields,
            ref=f"{cls.__module__}.{cls.__qualname__}",
            serialization=schema.plain_serializer_function_ser_schema(_to_pydantic, return_schema=fields),
        )

    @classmethod
    def _from_pydantic(cls, value: object, validated: Any) -> Self:
        return value if isinstance(value, cls) else cls(**validated(value))


def _is_required(attribute: attrs.Attribute[Any]) -> bool:
    return attribute.default is attrs.NOTHING


def _summary(cls: type) -> str:
    return (cls.__doc__ or "").strip().partition("\n")[0]


def _to_pydantic(value: Any) -> dict[str, Any]:
    return {one.name: getattr(value, one.name) for one in attrs.fields(type(value))}
