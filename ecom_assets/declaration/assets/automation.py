"""The key `automation_condition`: when Dagster loads a table by itself. It is a word, or `on_cron`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic.json_schema import JsonSchemaValue
from typing_extensions import Self

from ecom_assets.declaration.assets.cron_text import CronText
from ecom_assets.declaration.error_text import format_value, rule_error, value_error
from ecom_assets.declaration.field_types import TimeZone
from ecom_assets.declaration.model import Check, DeclarationModel

_CONDITIONS = ("eager", "on_missing")
_ALLOWED_CONDITION = 'eager, on_missing, on_cron: "0 3 * * *", or none'
_CALL = re.compile(r"""on_cron\(\s*(?P<quote>["'])(?P<cron>[^"']*)(?P=quote)\s*\)""")


class Automation(DeclarationModel):
    """When Dagster loads the table by itself."""

    NOT_IN_FILE: ClassVar[frozenset[str]] = frozenset({"condition"})

    condition: Literal["eager", "on_missing", "none"] | None = None
    on_cron: CronText | None = Field(
        default=None, description="A cron expression: the table is loaded after each of its times."
    )
    timezone: TimeZone = Field(default="UTC", description="The time zone of `on_cron`.")

    @model_validator(mode="after")
    def _check_condition(self) -> Self:
        """Require one condition."""
        if self.condition is None and self.on_cron is None:
            raise rule_error(("on_cron",), "nothing", 'a cron expression, such as "0 3 * * *"')
        return self


def _automation(value: Any) -> Any:
    """Take a word, or Dagster's own way to write a condition, for a mapping."""
    if isinstance(value, (Mapping, Automation)):
        if isinstance(value, Mapping) and "condition" in value:
            raise value_error("an unknown key", ", ".join(Automation.file_keys()), "condition")
        return value
    word = value.removesuffix("()") if isinstance(value, str) else None
    if word in (*_CONDITIONS, "none"):
        return {"condition": word}
    if isinstance(value, str) and (call := _CALL.fullmatch(value.strip())):
        return {"on_cron": call["cron"]}
    raise value_error(format_value(value), _ALLOWED_CONDITION)


def _automation_schema(schema: JsonSchemaValue) -> JsonSchemaValue:
    words = {"enum": [*_CONDITIONS, *(f"{word}()" for word in _CONDITIONS), "none"]}
    return {"anyOf": [words, {"type": "string", "pattern": r"^\s*on_cron\("}, schema]}


AutomationCondition = Annotated[Automation, Check(_automation, _automation_schema)]
