"""Wrong declarations, each with the one line of its error."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from ecom_assets.declaration.error_text import allowed_keys
from ecom_assets.declaration.reading import format_path, load_shop, load_shops, shop_files, shops_dir
from ecom_assets.foundation.errors import DeclarationError

GOOD = """\
name: acme
client:
  base_url: https://api.example.com
  auth: {type: bearer}
partitions: {every: day, start: "2026-01-01"}
resource_defaults:
  primary_key: id
  endpoint:
    data_selector: data
    incremental: {cursor_path: updated_at, start_param: since}
resources:
- name: orders
  endpoint: {path: /orders}
  columns:
    id: {data_type: bigint, nullable: false}
    total: {data_type: decimal, precision: 18, scale: 4}
    updated_at: {data_type: timestamp, nullable: false}
- name: items
  rows_from: {resource: orders, path: lines}
  include_from_parent: [id]
  primary_key: [order_id, id]
  columns:
    order_id: {data_type: bigint, nullable: false, path: _orders_id, references: orders.id}
    id: {data_type: bigint, nullable: false}
- name: stores
  endpoint: {path: /stores, incremental: null}
  columns:
    id: {data_type: bigint, nullable: false}
    opened: {data_type: date}
"""

SECRET = "sk-9f8e7d6c5b4a"
"""Stands for a secret in a file: no message may hold it."""


def wrong_declarations() -> list[tuple[str, str, str]]:
    """Return lines to replace in the good file, the lines to put there, and the message after the file."""
    cases = []
    blocks = Path(__file__).with_name("wrong_declarations.txt").read_text(encoding="utf-8").split("\n\n")
    for block in blocks:
        lines = {mark: [line[2:] for line in block.splitlines() if line[:1] == mark] for mark in "-+=#"}
        if not lines["#"]:
            replaced = "\n".join(lines["-"]) + "\n"
            cases.append((replaced, "".join(f"{line}\n" for line in lines["+"]), "\n".join(lines["="])))
    return cases


@pytest.mark.parametrize(("old", "new", "message"), wrong_declarations())
def test_wrong_file(tmp_path: Path, old: str, new: str, message: str) -> None:
    """Each mistake gives one exact line: the file, the place in it, what was found, what is allowed."""
    assert f"\n{GOOD}".count(f"\n{old}") == 1, "the replaced lines must be there once"
    file = tmp_path / "acme.yaml"
    file.write_text(f"\n{GOOD}".replace(f"\n{old}", f"\n{new}").removeprefix("\n"))

    with pytest.raises(DeclarationError) as caught:
        load_shop(file)

    assert str(caught.value) == "\n".join(f"{format_path(file)}: {line}" for line in message.split("\n"))
    # neither the message nor an exception that a traceback would show before it may hold the secret
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_mistakes_of_dlt_and_of_models_are_told_together(tmp_path: Path) -> None:
    """A resource that dlt's spelling makes wrong is told once; what may come of a mistake is not told."""
    file = tmp_path / "acme.yaml"
    wrong = GOOD.replace("primary_key: id", "primary_kee: id", 1).replace("{type: bearer}", "{type: beaver}")
    wrong = wrong.replace("endpoint: {path: /orders}", "endpoint: {path: /orders, paginator: {type: offest}}")
    file.write_text(
        wrong.replace("- name: stores", "- name: stores\n  max_table_nesting: 3\n  selected: maybe")
    )
    with pytest.raises(DeclarationError) as caught:
        load_shop(file)
    places = [error.path for error in (caught.value, *caught.value.others)]
    assert places == [
        "resources[2].max_table_nesting",
        "resource_defaults.primary_kee",
        "client.auth.type",
        "resources[0].endpoint.paginator.type",
    ]
    assert str(caught.value).count(str(file)) == len(places)


def test_no_more_than_twenty_mistakes_are_told(tmp_path: Path) -> None:
    file = tmp_path / "acme.yaml"
    file.write_text("name: acme\n" + "".join(f"key_{number}: 1\n" for number in range(30)))
    with pytest.raises(DeclarationError) as caught:
        load_shop(file)
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert lines[-1].endswith("acme.yaml: 10 more mistakes")


def test_mistakes_of_an_extended_file_come_alone(tmp_path: Path) -> None:
    """Nothing is told twice: once for the file that has it, and once for the one that extends it."""
    (tmp_path / "_base.yaml").write_text(GOOD.replace("every: day", "every: dya") + "x: 1\n")
    file = tmp_path / "acme.yaml"
    file.write_text("extends: _base.yaml\nname: acme\ny: 1\n")
    with pytest.raises(DeclarationError) as caught:
        load_shop(file)
    assert [(Path(error.file).name, error.path) for error in (caught.value, *caught.value.others)] == [
        ("acme.yaml", "y"),
        ("_base.yaml", "x"),
    ]


@pytest.mark.parametrize(
    ("key", "guess"),
    [
        ("primary_kee", "primary_key"),
        ("primaryKey", "primary_key"),
        ("Primary-Key", "primary_key"),
        ("url", "base_url"),  # the end of one known key
        ("page_size", "page"),  # a known key is the beginning of it
        ("total", None),  # the beginning of two known keys
        ("id", None),  # too short to be a part of a key
        ("sorting", None),
        ("", None),
        ("k" * 100_000, None),
        (7, None),
    ],
)
def test_unknown_key_like_a_known_one(key: object, guess: str | None) -> None:
    """The known key that the user may have meant follows the list of the known keys; a doubtful guess does not."""
    known = ("primary_key", "base_url", "page", "total_path", "total_header", "paid")
    suggestion = f"; did you mean {guess}?" if guess else ""
    assert allowed_keys(key, known, " here") == f"{', '.join(known)} here{suggestion}"


def test_the_file_that_is_made_wrong_is_good(tmp_path: Path) -> None:
    """Without the mistake the file loads, so every error above is about its mistake."""
    file = tmp_path / "acme.yaml"
    file.write_text(GOOD)
    assert [resource.name for resource in load_shop(file).resources] == ["orders", "items", "stores"]


TOP = "a mapping with name, extends, docs_url, client, policy, partitions, audit, dagster, resource_defaults, resources"


@pytest.mark.parametrize(
    ("content", "found", "allowed"),
    [
        (b"", "nothing", TOP),
        (b"# only a comment\n", "nothing", TOP),
        (b"- name: acme\n", "a list", TOP),
        (b"acme\n", "a text", TOP),
        (b"name: \xff\n", "bytes that are not UTF-8", "UTF-8"),
        (b"name: acme\x07\n", "a character that YAML does not allow", "printable text"),
    ],
)
def test_file_that_is_no_mapping(tmp_path: Path, content: bytes, found: str, allowed: str) -> None:
    """A file that holds no mapping is refused as a whole."""
    file = tmp_path / "acme.yaml"
    file.write_bytes(content)
    with pytest.raises(DeclarationError) as caught:
        load_shop(file)
    assert str(caught.value) == f"{format_path(file)}: file: found {found}; allowed: {allowed}"


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is named."""
    file = tmp_path / "acme.yaml"
    with pytest.raises(DeclarationError) as caught:
        load_shop(file)
    assert (
        str(caught.value)
        == f"{file}: file: found No such file or directory; allowed: a file that can be read"
    )


def test_missing_folder(tmp_path: Path) -> None:
    """A folder that is not there is named, with the variable that names it."""
    folder = shops_dir({"ECOM_SHOPS_DIR": str(tmp_path / "shops")})
    with pytest.raises(DeclarationError) as caught:
        shop_files(folder)
    assert str(caught.value) == (
        f"{folder}: folder: found nothing; allowed: a folder of YAML files (ECOM_SHOPS_DIR)"
    )


def test_folder_without_shops(tmp_path: Path) -> None:
    """A folder without a YAML file is refused, whatever else is in it."""
    (tmp_path / "notes.txt").write_text("name: acme")
    with pytest.raises(DeclarationError) as caught:
        load_shops(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: folder: found no YAML file; allowed: one file per shop, such as sandbox.yaml"
    )


def test_two_shops_of_one_name(tmp_path: Path) -> None:
    """Two files may not declare the same shop; both are named."""
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yml").write_text(GOOD)
    shops, wrong = load_shops(tmp_path)
    assert [shop.file.name for shop in shops] == ["a.yaml"]
    assert list(wrong) == [tmp_path / "b.yml"]
    assert str(wrong[tmp_path / "b.yml"]) == (
        f"{tmp_path / 'b.yml'}: name: found 'acme', the name of {tmp_path / 'a.yaml'}; "
        "allowed: a name that no other file has"
    )


def test_path_below_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message shows a file below the working directory by its relative path, another by its full one."""
    monkeypatch.chdir(tmp_path)
    assert format_path(tmp_path / "shops" / "acme.yaml") == "shops/acme.yaml"
    assert format_path(Path("shops/acme.yaml")) == "shops/acme.yaml"
    assert format_path(Path("/elsewhere/acme.yaml")) == "/elsewhere/acme.yaml"


def test_unknown_resource(tmp_path: Path) -> None:
    """Asking a shop for a resource it does not have names those it has."""
    file = tmp_path / "acme.yaml"
    file.write_text(GOOD)
    with pytest.raises(DeclarationError) as caught:
        load_shop(file).resource("order")
    assert str(caught.value) == f"{file}: resources: found 'order'; allowed: orders, items, stores"
