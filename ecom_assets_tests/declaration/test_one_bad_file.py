"""A file that is wrong in a way that nobody expects is one DeclarationError of that file; the other shops load."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ecom_assets.declaration import reading
from ecom_assets.declaration.reading import load_shop, load_shops
from ecom_assets.foundation.errors import DeclarationError

SHOP = """name: {name}
client: {{base_url: https://api.example.com}}
resources:
- name: payment
  primary_key: id
  columns: {{id: {{data_type: bigint, nullable: false}}}}
  endpoint: {{path: /payments}}
"""
ACME = SHOP.format(name="acme")


def endpoint_with(text: str) -> str:
    """Return a declaration whose endpoint has a parameter with a value in YAML."""
    return ACME.replace("/payments}", f"/payments, params: {{a: {text}}}}}")


def doubling(first: str, each: str, levels: int) -> str:
    """Return a declaration with a chain of anchors, each of which names the one before it."""
    lines = [f"a0: &a0 {first}", *(each.format(n=n, before=n - 1) for n in range(1, levels))]
    return ACME + "\n".join(lines) + "\n"


def second_resource(name: str) -> str:
    """Return a declaration with a further resource."""
    return ACME + ACME[ACME.index("- name") :].replace("payment", name, 1)


TEXTS: dict[str, tuple[str | bytes, str]] = {
    "aliases that double": (doubling("[x, x]", "a{n}: &a{n} [*a{before}, *a{before}]", 30), "values"),
    "a chain of aliases": (doubling("[x]", "a{n}: &a{n} [*a{before}]", 200), "levels within each other"),
    "merge keys that double": (
        doubling("{x0: 1}", "a{n}: &a{n} {{<<: [*a{before}, *a{before}], x{n}: 1}}", 40),
        "a0: found an unknown key",
    ),
    "a merge key of itself": (ACME + "x: &a {<<: *a, b: 1}\n", "x: found an unknown key"),
    "an alias of itself": (ACME + "x: &a [*a]\n", "an alias that contains itself"),
    "3,000 brackets": (endpoint_with("[" * 3000 + "]" * 3000), "more than 50 levels"),
    "3,000 open braces": (ACME + "x: " + "{a: " * 3000, "more than 50 levels"),
    "3,000 levels of lists in lines": (ACME + "x:\n " + "- " * 3000 + "a\n", "more than 50 levels"),
    "extends of 300 letters": (ACME + f"extends: {'a' * 300}.yaml\n", "a name of 305 characters"),
    "extends of 200 letters of two bytes": (ACME + f"extends: {'ü' * 200}.yaml\n", "a name of 205"),
    "extends with a NUL": (ACME + 'extends: "a\\0.yaml"\n', "a file that does not exist"),
    "extends itself": (ACME + "extends: bad.yaml\n", "leads back to this file"),
    "half of a surrogate pair": (endpoint_with('"\\ud800"'), "half of a surrogate pair"),
    "half of a surrogate pair as a key": (ACME + '"\\udfff": 1\n', "half of a surrogate pair"),
    "5,000 digits": (endpoint_with("9" * 5000), "more than 1000 digits"),
    "5,000 hexadecimal digits": (ACME + f"policy: {{max_retries: 0x{'f' * 5000}}}\n", "more than 1000"),
    "a number base 60": (endpoint_with("1" + ":59" * 3000), "more than 1000 digits"),
    "no boolean": (endpoint_with("!!bool foo"), "line 7"),
    "no time": (endpoint_with("!!timestamp foo"), "line 7"),
    "no number": (endpoint_with("!!int ''"), "line 7"),
    "no float": (endpoint_with("!!float ''"), "line 7"),
    "a set": (endpoint_with("!!set {a, b}"), "binary data, a set or an ordered mapping"),
    "bytes": (endpoint_with("!!binary aGVsbG8="), "binary data, a set or an ordered mapping"),
    "an ordered mapping": (endpoint_with("!!omap [a: 1]"), "binary data, a set or an ordered mapping"),
    "code": (ACME + 'x: !!python/object/apply:os.system ["true"]\n', "constructor for the tag"),
    "two documents": (ACME + "---\n" + ACME, "another document"),
    "a repeated key": (ACME + "name: other\n", "a key that occurs twice"),
    "a list as a key": (ACME + "? [a]\n: b\n", "unhashable key"),
    "nothing": ("", "found nothing"),
    "a comment alone": ("# nothing\n", "found nothing"),
    "UTF-16": (ACME.encode("utf-16"), "bytes that are not UTF-8"),
    "UTF-16 without a mark": (ACME.encode("utf-16-le"), "a character that YAML does not allow"),
    "no UTF-8": (ACME.encode() + b"# \xff\n", "bytes that are not UTF-8"),
    "a NUL byte": (ACME.encode() + b"\0", "a character that YAML does not allow"),
    "5 MB": (ACME + "# " + "x" * 5_000_000, "more than 4,194,304 bytes"),
    "an internal name": (second_resource("payment_records"), "internal name under which payment is read"),
    "another internal name": (second_resource("payment_windows"), "internal name under which payment"),
    "a name of 64 letters and one": (SHOP.format(name="a" * 65), "at most 64 characters"),
    "a table of 300 letters": (second_resource("r" * 300), "at most 200 characters"),
    **{
        name: (SHOP.format(name=name), "a name that no database has for itself")
        for name in ("temp", "information_schema", "main", "pg_catalog", "system", "memory")
    },
}


def pipe(file: Path) -> None:
    """Make a pipe, which a reader would wait for."""
    os.mkfifo(file)


PLACES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (lambda file: file.mkdir(), "found a folder; allowed: a regular file"),
    "a dangling link": (lambda file: file.symlink_to("nowhere.yaml"), "a link to a file that does not exist"),
    "a link to itself": (lambda file: file.symlink_to(file), "a link to a file that does not exist"),
    "a pipe": (pipe, "a file of another kind"),
    "an endless device": (lambda file: file.symlink_to("/dev/zero"), "a file of another kind"),
}


def outcome(folder: Path) -> tuple[list[str], DeclarationError]:
    """Return the names of the shops that load, and the error of `bad.yaml`."""
    (folder / "good.yaml").write_text(SHOP.format(name="good"), "utf-8")
    begun = time.monotonic()
    shops, errors = load_shops(folder)
    assert time.monotonic() - begun < 10
    assert [file.name for file in errors] == ["bad.yaml"]
    return [shop.name for shop in shops], errors[folder / "bad.yaml"]


@pytest.mark.parametrize(("text", "found"), TEXTS.values(), ids=TEXTS)
def test_a_bad_text_is_one_error_and_the_other_shop_loads(
    tmp_path: Path, text: str | bytes, found: str
) -> None:
    (tmp_path / "bad.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    names, error = outcome(tmp_path)
    assert names == ["good"]
    assert "bad.yaml" in error.file
    assert found in str(error)
    lines = str(error).splitlines()
    assert len(lines) <= 21
    assert max(map(len, lines)) < 700
    str(error).encode()


@pytest.mark.parametrize(("make", "found"), PLACES.values(), ids=PLACES)
def test_what_is_no_file_is_one_error(tmp_path: Path, make: Callable[[Path], object], found: str) -> None:
    make(tmp_path / "bad.yaml")
    names, error = outcome(tmp_path)
    assert names == ["good"]
    assert found in str(error)


def test_a_file_that_may_not_be_read_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(ACME, "utf-8")
    real = Path.open

    def refusing(path: Path, *arguments: Any, **options: Any) -> object:
        if path == bad:  # root may read everything
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refusing)
    names, error = outcome(tmp_path)
    assert (names, error.found) == (["good"], "Permission denied")


def test_a_fault_of_this_program_is_one_error_without_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad.yaml").write_text(ACME, "utf-8")

    def failing(document: dict[str, Any], *_: Any) -> object:
        if document["name"] == "acme":
            raise KeyError("a value of the file")
        return real(document, *_)

    real = reading.build_shop
    monkeypatch.setattr(reading, "build_shop", failing)
    names, error = outcome(tmp_path)
    assert names == ["good"]
    assert "fails at, with KeyError in test_one_bad_file.py, line" in error.found
    assert "a value of the file" not in str(error)


def test_what_only_looks_bad_still_loads(tmp_path: Path) -> None:
    for number, text in enumerate(
        (
            b"\xef\xbb\xbf" + ACME.encode(),  # a byte order mark
            endpoint_with("2026-01-01").encode(),
            endpoint_with('"\\u00e9 \\U0001F600"').encode(),
            endpoint_with("[" * 40 + "]" * 40).encode(),
            (ACME + "policy: &p {timeout: 5}\n").encode(),
            SHOP.format(name="a" * 64).encode(),
            SHOP.format(name="temp_shop").encode(),
            # a resource without an endpoint of its own is read under no further name
            second_resource("payment_record").encode(),
        )
    ):
        file = tmp_path / f"{number}.yaml"
        file.write_bytes(text)
        load_shop(file)


def test_a_merged_mapping_overrides_before_and_after_it_is_merged_itself(tmp_path: Path) -> None:
    file = tmp_path / "merged.yaml"
    file.write_text(
        ACME.replace(
            "columns: {id: {data_type: bigint, nullable: false}}",
            """columns:
    id: &id {data_type: bigint, nullable: false}
    nested: {data_type: json, description: &text {<<: *id, nullable: true}}
    other: {<<: *text, data_type: text}""",
        ).replace("description: &text {<<: *id, nullable: true}", "<<: &text {<<: *id, nullable: true}"),
        "utf-8",
    )
    columns = load_shop(file).resource("payment").declared_columns
    assert [(column.name, column.data_type, column.nullable) for column in columns] == [
        ("id", "bigint", False),
        ("nested", "json", True),
        ("other", "text", True),
    ]


def test_a_folder_that_cannot_be_read_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="folder: found File name too long"):
        load_shops(tmp_path / ("x" * 300))


def test_hidden_copies_and_links_are_no_shops(tmp_path: Path) -> None:
    """Editors leave links, and file managers files, one of which was the shop in place of the file that is seen."""
    (tmp_path / "good.yaml").write_text(ACME, "utf-8")
    (tmp_path / ".#good.yaml").symlink_to("somebody@host.1234")
    (tmp_path / ".good.yaml").write_text(ACME, "utf-8")
    (tmp_path / "._good.yaml").write_bytes(b"\0\5\26\7")
    shops, errors = load_shops(tmp_path)
    assert ([shop.name for shop in shops], errors) == (["acme"], {})
