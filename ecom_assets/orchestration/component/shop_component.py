"""The Dagster component `ecom_assets.ShopComponent`: one shop in a `defs` folder.

`dg scaffold defs ecom_assets.ShopComponent NAME` writes a `defs.yaml` beside a declaration.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from dagster import (
    Component,
    ComponentLoadContext,
    Definitions,
    Scaffolder,
    ScaffoldRequest,
    scaffold_component,
    scaffold_with,
)
from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from ecom_assets.declaration.reading import SCHEMA_FILE, format_path
from ecom_assets.declaration.unions import FILE_NAMES
from ecom_assets.foundation.errors import DeclarationError, IngestError
from ecom_assets.orchestration.build_definitions import definitions_of
from ecom_assets.orchestration.component.attributes import Attributes, read_attributes, wrong_attributes
from ecom_assets.orchestration.component.attributes_schema import attributes_schema
from ecom_assets.orchestration.component.starter import starter_declaration
from ecom_assets.orchestration.resources import ShopSecrets, secrets_key
from ecom_assets.orchestration.translation import Translator

DECLARATION = "shop.yaml"
"""The name of the declaration that is written beside `defs.yaml`."""

_COMMENT = """\
  # secrets:
  #   api_key: "{{{{ env.{variable} }}}}"
"""


@cache
def _schema() -> dict[str, Any]:
    return attributes_schema()


class ShopAttributes(BaseModel):
    """The attributes as they stand in a `defs.yaml`: the JSON Schema describes them, `read_attributes` checks them."""

    model_config = ConfigDict(extra="allow")

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the schema of a declaration and of what a component has besides."""
        return deepcopy(_schema())


class ScaffoldParams(BaseModel):
    """What `dg scaffold` takes for this component."""

    base_url: str | None = Field(
        default=None,
        description="The address of the API. Unless given, the declaration is of the bundled sandbox.",
    )


class ShopScaffolder(Scaffolder[ScaffoldParams]):
    """Writes a `defs.yaml`, and a declaration beside it to begin with. An existing declaration stays."""

    @classmethod
    def get_scaffold_params(cls) -> type[ScaffoldParams]:
        """Return the model of the parameters."""
        return ScaffoldParams

    def scaffold(self, request: ScaffoldRequest[ScaffoldParams]) -> None:
        """Write the files.

        Raises:
            IngestError: The name of the folder is none that a shop may have, or the format is not YAML.
        """
        folder = Path(request.target_path)
        try:
            if request.scaffold_format != "yaml" or request.append:
                raise IngestError(
                    "ShopComponent is written as a defs.yaml of its own: leave out --format and --append"
                )
            text = starter_declaration(folder.name, request.params.base_url if request.params else None)
        except IngestError:
            with suppress(OSError):  # dg made the folder, and would refuse the next try because it exists
                folder.rmdir()
            raise
        folder.mkdir(parents=True, exist_ok=True)
        declaration = folder / DECLARATION
        if not declaration.exists():
            declaration.write_text(text, encoding="utf-8")
        # the first line of the declaration names it, for editors
        (folder / SCHEMA_FILE.name).write_bytes(SCHEMA_FILE.read_bytes())
        scaffold_component(request, {"declaration": DECLARATION})
        with (folder / "defs.yaml").open("a", encoding="utf-8") as file:
            file.write(_COMMENT.format(variable=f"{folder.name.upper()}_API_KEY"))


@scaffold_with(ShopScaffolder)
class ShopComponent(Component):
    """A shop: any paginated REST API as warehouse tables, loaded with dlt and verified.

    The attributes are those of a declaration, or the name of a file that has one. A subclass may have a translator.
    """

    translator: Translator | None = None
    """How tables become assets, if the declaration cannot say it: see `build_defs`."""

    def __init__(self, attributes: Attributes) -> None:
        """Take what the attributes say."""
        self.attributes = attributes

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """Return the model of the attributes."""
        return ShopAttributes

    @classmethod
    def load(cls, attributes: BaseModel | None, context: ComponentLoadContext) -> ShopComponent:
        """Return the component of a `defs.yaml`. What is wrong with it is for the definitions to say."""
        given: Mapping[str, Any] = (attributes.model_extra or {}) if attributes else {}
        file = Path(context.path) / "defs.yaml"
        try:
            return cls(read_attributes(given, file, context.resolution_context.resolve_value))
        except DeclarationError as error:
            return cls(wrong_attributes(given, file, error))

    def build_defs(self, context: ComponentLoadContext) -> Definitions:
        """Return the definitions of the shop. Of an invalid declaration, there is an asset that says why."""
        said = self.attributes
        try:
            shop = said.shop()
        except DeclarationError as error:
            return definitions_of(
                (),
                {said.file: error},
                {},
                declaration_checks=self._problem,
                alerts=said.alerts,
                name=_name_of(context),
            )
        secrets = {secrets_key(shop): ShopSecrets(secrets=dict(said.secrets))} if said.secrets else {}
        refused = _refused_unions(context)
        return definitions_of(
            (shop,),
            refused,
            secrets,
            declaration_checks=lambda file: refused.get(file) or self._problem(file),
            alerts=said.alerts,
            translator=type(self).translator,
            name=f"{_name_of(context)}_unions",
        )

    def _problem(self, _: Path) -> DeclarationError | None:
        """Read the declaration again, and return what is wrong with it."""
        try:
            self.attributes.shop()
        except DeclarationError as error:
            return error
        return None


def _name_of(context: ComponentLoadContext) -> str:
    """Return a name that no other component has: the folder's, with a number from the second one in a file on."""
    parts = Path(context.path).relative_to(context.defs_module_path).parts
    number = context.component_path.instance_key
    return "_".join([*parts, str(number)] if number else parts)


def _refused_unions(context: ComponentLoadContext) -> dict[Path, DeclarationError]:
    """Return the error of a file of unions beside the component, or above it in a folder without declarations."""
    found = {}
    folder, top = Path(context.path), Path(context.defs_module_path)
    for above in (folder, *folder.parents):
        files = [file for file in above.glob("*.y*ml") if file.name not in FILE_NAMES]
        for name in FILE_NAMES:
            if (above / name).is_file() and (above == folder or not files):
                found[above / name] = DeclarationError(
                    format_path(above / name),
                    "unions",
                    "views over shops of components, which do not know each other",
                    "views over the shops of one folder that build_defs reads: move the declarations there, "
                    "beside this file (docs/tables.md, Views over several shops)",
                )
        if above == top:
            break
    return found
