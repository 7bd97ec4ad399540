"""The component `ecom_assets.ShopComponent`: its attributes, what is wrong with them, and what is scaffolded."""

from __future__ import annotations

import json
import sys
from importlib.metadata import entry_points
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import (
    AssetKey,
    AssetSelection,
    Definitions,
    EnvVar,
    ScaffoldRequest,
    define_asset_job,
    load_from_defs_folder,
)
from dagster.components.list import list_all_components_schema
from jsonschema import Draft202012Validator

from ecom_assets import ShopComponent
from ecom_assets.foundation.errors import DeclarationError, IngestError
from ecom_assets.orchestration.component.attributes import read_attributes
from ecom_assets.orchestration.component.shop_component import ScaffoldParams, ShopAttributes, ShopScaffolder
from ecom_assets.orchestration.component.starter import starter_declaration
from ecom_assets.orchestration.resources import ShopSecrets
from ecom_assets_tests.support.paths import ROOT

EXAMPLE = ROOT / "examples" / "dagster_project"
VALIDATOR = Draft202012Validator(ShopAttributes.model_json_schema())
INLINE = """\
name: north
client:
  base_url: https://api.example.com
  auth: {type: bearer, token: "{{ env.NORTH_TOKEN }}"}
policy: {requests_per_second: "{{ env('NORTH_RATE', '5') }}"}
resources:
  - {name: stores, primary_key: id, endpoint: {path: stores}}
"""
_numbers = count()


def attributes(text: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(text)
    return read


def project(folder: Path, monkeypatch: pytest.MonkeyPatch, **files: dict[str, str]) -> Definitions:
    """Return the definitions of a new project with a component for each keyword."""
    name = f"own_project_{next(_numbers)}"
    defs = folder / "src" / name / "defs"
    for component, texts in files.items():
        (defs / component).mkdir(parents=True)
        for file, text in texts.items():
            (defs / component / file).write_text(text, "utf-8")
    for module in (defs.parent, defs):
        (module / "__init__.py").touch()
    (folder / "pyproject.toml").write_text(
        f'[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "{name}"\n', "utf-8"
    )
    monkeypatch.syspath_prepend(str(folder / "src"))
    return load_from_defs_folder(path_within_project=defs)


def component(attributes: str) -> str:
    return "type: ecom_assets.ShopComponent\nattributes:\n" + "".join(
        f"  {line}\n" for line in attributes.splitlines()
    )


def test_the_example_project_loads_without_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE / "src"))
    made = load_from_defs_folder(path_within_project=EXAMPLE / "src" / "shop_project")
    Definitions.validate_loadable(made)
    specs = {spec.key.to_user_string(): spec for spec in made.resolve_all_asset_specs()}
    tables = {"myshop/orders", "myshop/order_items", "myshop/stores", "north/customers", "north/stores"}
    assert specs.keys() == tables | {"myshop/status", "north/northshop_status"}
    assert specs["myshop/orders"].tags["source"] == "myshop"
    assert (specs["north/stores"].owners, specs["north/stores"].kinds) == (["team:north"], {"rest"})
    secrets: Any = (made.resources or {})["northshop_secrets"]
    assert secrets.secrets == {"api_key": EnvVar("NORTHSHOP_API_KEY")}
    assert {job.name for job in made.resolve_all_job_defs()} >= {"myshop_windows", "northshop_windows"}
    sys.modules.pop("shop_project", None)


@pytest.mark.parametrize("folder", ["myshop", "northshop"])
def test_the_example_passes_what_dg_check_yaml_validates(folder: str) -> None:
    document = yaml.safe_load((EXAMPLE / "src/shop_project/defs" / folder / "defs.yaml").read_text("utf-8"))
    assert [error.message for error in VALIDATOR.iter_errors(document["attributes"])] == []


def test_the_declaration_of_the_example_is_what_is_scaffolded() -> None:
    text = (EXAMPLE / "src/shop_project/defs/myshop/shop.yaml").read_text("utf-8")
    assert text.partition("\n")[2] == starter_declaration("myshop").partition("\n")[2]


def test_it_is_registered_and_its_schema_is_in_that_of_an_editor() -> None:
    found = entry_points(group="dagster_dg_cli.registry_modules")
    if "ecom_assets" in {entry.value for entry in found}:  # an editable install may be older than the entry
        ours = list_all_components_schema(entry_points=True, extra_modules=())
    else:
        ours = list_all_components_schema(entry_points=False, extra_modules=("ecom_assets",))
    text = json.dumps(ours)
    assert "ecom_assets.ShopComponent" in text
    keys = ours["$defs"]["ShopAttributes"]["properties"]
    assert {"declaration", "secrets", "alerts", "client", "dagster", "resources"} <= keys.keys()
    assert "Length of a window" in keys["partitions"]["anyOf"][0]["properties"]["every"]["description"]


@pytest.mark.parametrize(
    "text",
    [
        "declaration: shop.yaml",
        "declaration: shop.yaml\nalerts: true\nsecrets: {api_key: \"{{ env('KEY') }}\"}",
        INLINE,
        INLINE.replace("https://api.example.com", '"{{ env.URL }}"'),
    ],
)
def test_the_schema_takes(text: str) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(attributes(text))] == []


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "declaration: ../shop.yaml",
        "declaration: shop.yaml\nname: north",
        "declaration: shop.yaml\nsecrets: {api_key: sk-123}",
        INLINE.replace("name: north\n", ""),
        INLINE.replace("resources:", "resurces:"),
        INLINE.replace("{{ env.NORTH_TOKEN }}", "sk-123"),
        INLINE.replace("primary_key", "primary_kee"),
        INLINE + "dagster: {owners: [nobody]}\n",
    ],
)
def test_the_schema_refuses(text: str) -> None:
    assert list(VALIDATOR.iter_errors(attributes(text)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{}",
            "attributes: found nothing; allowed: declaration: a file beside this one, or the keys of a declaration",
        ),
        (
            "declaration: a/shop.yaml",
            "attributes.declaration: found 'a/shop.yaml'; allowed: the name of a YAML file",
        ),
        ("declaration: shop.yaml\nname: x", "attributes.name: found a key beside declaration; allowed: with"),
        (
            "declaration: shop.yaml\nsecret: x",
            "attributes.secret: found an unknown key; allowed: declaration, secrets,",
        ),
        (
            "declaration: shop.yaml\nsecrets: {api_key: sk-123}",
            "attributes.secrets.api_key: found a value that is not repeated here; allowed: a template with one",
        ),
        (
            "declaration: shop.yaml\nsecrets: {api_key: 'Token {{ env.X }}'}",
            "attributes.secrets.api_key: found a value that is not repeated here; allowed: a template with one",
        ),
        ("declaration: shop.yaml\nalerts: 'yes'", "attributes.alerts: found 'yes'; allowed: true or false"),
        (
            INLINE + 'secrets: {token: "{{ env.X }}"}',
            "attributes.client.auth.token: found token beside secrets",
        ),
        (
            INLINE.replace("bearer,", "bearer, secret: erp,"),
            "attributes.client.auth.token: found token beside secret",
        ),
    ],
)
def test_wrong_attributes(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        read_attributes(attributes(text), tmp_path / "defs.yaml", str)
    assert f"defs.yaml: {message}" in str(caught.value)
    assert "sk-123" not in str(caught.value)


def test_all_mistakes_of_the_attributes_are_told(tmp_path: Path) -> None:
    wrong = INLINE.replace("{{ env('NORTH_RATE', '5') }}", "fast") + "audit: {evry: week}\n"
    with pytest.raises(DeclarationError) as caught:
        read_attributes(attributes(wrong), tmp_path / "defs.yaml", str).shop()
    first, second = str(caught.value).splitlines()
    assert "defs.yaml: attributes.policy.requests_per_second: found 'fast'" in first
    assert "defs.yaml: attributes.audit.evry: found an unknown key" in second


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (INLINE + 'secrets: {tokn: "{{ env.X }}"}', "attributes.secrets.tokn"),
        (INLINE.replace("token:", "api_key:"), "attributes.client.auth.api_key"),
        ('declaration: shop.yaml\nsecrets: {tokn: "{{ env.X }}"}', "attributes.secrets.tokn"),
    ],
)
def test_a_secret_that_the_shop_does_not_use(tmp_path: Path, text: str, place: str) -> None:
    """A general variable such as `TOKEN` would be sent in its place."""
    declared = INLINE.replace("{{ env.NORTH_TOKEN }}", "").replace(', token: ""', "")
    (tmp_path / "shop.yaml").write_text(declared.replace("\"{{ env('NORTH_RATE', '5') }}\"", "5"), "utf-8")
    read = read_attributes(attributes(text), tmp_path / "defs.yaml", lambda template: 5)
    with pytest.raises(DeclarationError) as caught:
        read.shop()
    found = "a secret that shop north does not use; allowed: token"
    assert str(caught.value).endswith(f"defs.yaml: {place}: found {found}")


def test_secrets_are_variables_that_nobody_reads_before_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NORTH_TOKEN", "sk-123")
    monkeypatch.setenv("NORTH_RATE", "2.5")
    made = project(tmp_path, monkeypatch, north={"defs.yaml": component(INLINE + "alerts: true")})
    secrets = (made.resources or {})["north_secrets"]
    assert isinstance(secrets, ShopSecrets)
    assert secrets.secrets == {"token": EnvVar("NORTH_TOKEN")}
    assert "sk-123" not in repr(secrets)
    assert {entry.name for entry in made.get_repository_def().sensor_defs} == {"alert_on_failure"}


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")  # Dagster's, about its own copy of a check
def test_a_wrong_declaration_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An asset in its place says why, and its check fails; the other component is there."""
    made = project(
        tmp_path,
        monkeypatch,
        good={"defs.yaml": component("declaration: shop.yaml"), "shop.yaml": starter_declaration("good")},
        bad={"defs.yaml": component(INLINE.replace("primary_key", "primary_kee"))},
        bad_too={"defs.yaml": component(INLINE.replace("primary_key", "primary_kee"))},
        lost={"defs.yaml": component("declaration: nowhere.yaml")},
        twice={"defs.yaml": "---\n".join(component(f"declaration: {name}.yaml") for name in "ab")},
    )
    Definitions.validate_loadable(made)
    specs = {spec.key: spec for spec in made.resolve_all_asset_specs()}
    assert AssetKey(["good", "orders"]) in specs
    bad = {key.path[0]: spec.description for key, spec in specs.items() if key.path[-1] == "declaration"}
    assert bad.keys() == {"bad", "bad_too", "lost", "twice", "twice_1"}
    texts = " ".join(filter(None, bad.values()))
    assert "defs.yaml: attributes.resources[0].primary_kee: found an unknown key" in texts
    assert "nowhere.yaml" in texts
    checks = AssetSelection.checks_for_assets(*(AssetKey([name, "declaration"]) for name in bad))
    merged = Definitions.merge(made, Definitions(jobs=[define_asset_job("only_checks", checks)]))
    result = merged.resolve_job_def("only_checks").execute_in_process()
    assert len(result.get_asset_check_evaluations()) == 5
    assert {check.passed for check in result.get_asset_check_evaluations()} == {False}


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")  # Dagster's, about its own copy of a check
def test_wrong_attributes_and_templates_fail_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what is found before a declaration is read: the other components of the code location are there."""
    url = "base_url: https://api.example.com"
    made = project(
        tmp_path,
        monkeypatch,
        good={"defs.yaml": component("declaration: shop.yaml"), "shop.yaml": starter_declaration("good")},
        key={"defs.yaml": component("declaration: shop.yaml\ncolour: red\nalerts: true")},
        nothing={"defs.yaml": "type: ecom_assets.ShopComponent\n"},
        secret={"defs.yaml": component("declaration: shop.yaml\nsecrets: {api_key: sk-123}")},
        scope={"defs.yaml": component(INLINE.replace(url, 'base_url: "{{ nope.url }}"'))},
        syntax={"defs.yaml": component(INLINE.replace("path: stores", 'path: "{{ 1 + }}"'))},
        unset={"defs.yaml": component(INLINE.replace(url, "base_url: \"{{ env('NORTH_UNSET') }}\""))},
        empty={"defs.yaml": component(INLINE.replace(url, 'base_url: "{{ env.NORTH_UNSET }}"'))},
    )
    Definitions.validate_loadable(made)
    specs = {spec.key.to_user_string(): spec.description or "" for spec in made.resolve_all_asset_specs()}
    assert "good/orders" in specs
    assert "attributes.colour: found an unknown key" in specs["key/declaration"]
    assert "attributes: found nothing; allowed: declaration" in specs["nothing/declaration"]
    assert "attributes.secrets.api_key: found a value that is not repeated" in specs["secret/declaration"]
    assert "sk-123" not in specs["secret/declaration"]
    found = (
        "attributes.client.base_url: found the template {{ nope.url }}, which fails: UndefinedError: 'nope'"
    )
    assert found in specs["scope/declaration"]
    found = "attributes.resources[0].endpoint.path: found the template {{ 1 + }}, which fails: "
    assert found in specs["syntax/declaration"]
    assert "Environment variable NORTH_UNSET is not set" in specs["unset/declaration"]
    found = (
        "attributes.client.base_url: found nothing, the value of {{ env.NORTH_UNSET }}; allowed: the address"
    )
    assert found in specs["empty/declaration"]
    assert "alert_on_failure" in {entry.name for entry in made.get_repository_def().sensor_defs}


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")  # Dagster's, about its own copy of a check
def test_unions_of_components_are_refused_and_those_of_a_folder_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file may be beside a component or above it; a folder that `build_defs` reads may have components below."""
    shop = {"defs.yaml": component("declaration: shop.yaml")}
    of_folder = """\
from pathlib import Path
from dagster import Definitions, definitions
from ecom_assets import build_defs


@definitions
def shops() -> Definitions:
    return build_defs(Path(__file__).parent, alerts=False)
"""
    unions = "unions: [{name: orders}]"
    made = project(
        tmp_path,
        monkeypatch,
        **{
            "here": {**shop, "shop.yaml": starter_declaration("here"), "_unions.yaml": unions},
            "group": {"_unions.yml": unions},
            "group/south": {**shop, "shop.yaml": starter_declaration("south")},
            "group/west": {**shop, "shop.yaml": starter_declaration("west")},
            "beside": {
                "shops.py": of_folder,
                "_unions.yaml": unions,
                **{f"{name}.yaml": starter_declaration(name) for name in ("one", "two")},
            },
            "beside/sub": {**shop, "shop.yaml": starter_declaration("sub")},
        },
    )
    Definitions.validate_loadable(made)
    specs = {spec.key.to_user_string(): spec for spec in made.resolve_all_asset_specs()}
    assert {f"{name}/orders" for name in ("here", "south", "west", "sub", "one", "two")} <= specs.keys()
    refused = {key: spec.description or "" for key, spec in specs.items() if key.endswith("/declaration")}
    assert refused.keys() == {f"{name}_unions/declaration" for name in ("here", "group_south", "group_west")}
    assert "here/_unions.yaml: unions: found views over shops of components" in str(refused)
    assert "its views are not written" in refused["here_unions/declaration"]
    deps = {dep.asset_key.to_user_string() for dep in specs["all_shops/orders"].deps}
    assert deps == {"one/orders", "two/orders"}


def test_what_is_scaffolded_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "new" / "myshop"
    request = ScaffoldRequest("ecom_assets.ShopComponent", target, "yaml", None, ScaffoldParams())
    ShopScaffolder().scaffold(request)
    files = {file.name: file.read_text("utf-8") for file in target.iterdir()}
    assert files.keys() == {"defs.yaml", "shop.yaml", "declaration.schema.json"}
    assert Draft202012Validator(json.loads(files["declaration.schema.json"])).is_valid(
        attributes(files["shop.yaml"])
    )
    made = project(tmp_path, monkeypatch, myshop=files)
    assert AssetKey(["myshop", "orders"]) in made.resolve_all_asset_keys()
    (target / "shop.yaml").write_text("mine", "utf-8")
    ShopScaffolder().scaffold(request)
    assert (target / "shop.yaml").read_text("utf-8") == "mine"


def test_what_is_scaffolded_has_the_address_of_an_own_api(tmp_path: Path) -> None:
    params = ScaffoldParams(base_url="https://api.example.com")
    ShopScaffolder().scaffold(
        ScaffoldRequest("ecom_assets.ShopComponent", tmp_path / "a", "yaml", None, params)
    )
    assert 'base_url: "https://api.example.com"' in (tmp_path / "a" / "shop.yaml").read_text("utf-8")


@pytest.mark.parametrize("name", ["My-Shop", "main", "a_staging"])
def test_a_folder_whose_name_no_shop_may_have(tmp_path: Path, name: str) -> None:
    request = ScaffoldRequest("ecom_assets.ShopComponent", tmp_path / name, "yaml", None, ScaffoldParams())
    with pytest.raises(IngestError, match="as the name of the folder"):
        ShopScaffolder().scaffold(request)
    assert list(tmp_path.iterdir()) == []


def test_a_refused_scaffold_leaves_no_folder_that_the_next_try_would_find(tmp_path: Path) -> None:
    """`dg` makes the folder before it asks the component."""
    wrong: tuple[tuple[str, Any], ...] = (("shop", "python"), ("My-Shop", "yaml"))
    for name, form in wrong:
        (tmp_path / name).mkdir()
        request = ScaffoldRequest("ecom_assets.ShopComponent", tmp_path / name, form, None, ScaffoldParams())
        with pytest.raises(IngestError):
            ShopScaffolder().scaffold(request)
    assert list(tmp_path.iterdir()) == []


def test_the_public_name_is_the_component() -> None:
    assert ShopComponent.get_model_cls() is ShopAttributes
