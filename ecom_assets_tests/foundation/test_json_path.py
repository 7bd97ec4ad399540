"""JSONPaths are parsed once, and lead where they lead with dlt."""

from __future__ import annotations

import pytest
from dlt.common import jsonpath

from ecom_assets.foundation import json_path


@pytest.mark.parametrize("text", ["$", "data", "data[*].id", "$..id", "data[?(@.id > 1)]", "nothing.here"])
def test_a_path_leads_where_it_leads_with_dlt(text: str) -> None:
    body = {"data": [{"id": 1}, {"id": 2, "inner": {"id": 3}}]}
    assert json_path.find_values(text, body) == jsonpath.find_values(text, body)


def test_a_path_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    real = jsonpath.compile_path

    def compile_path(path: jsonpath.TJsonPath) -> object:
        if isinstance(path, str):
            parsed.append(path)
        return real(path)

    monkeypatch.setattr(jsonpath, "compile_path", compile_path)
    for number in range(3):
        assert json_path.find_values("parsed.once", {"parsed": {"once": number}}) == [number]
    assert parsed == ["parsed.once"]


@pytest.mark.parametrize(
    ("text", "picks"),
    [
        *(
            (text, False)
            for text in ("$", "data", "data[*]", "$[*]", "$[1]", "data[0].items", "$..items", "a['b']")
        ),
        *((text, False) for text in ("data[*].inner", "data[:]", "data.*")),
        *(
            (text, True)
            for text in ("data[?(@.active==true)]", "data[0:2]", "data[1:]", "data[0,2]", "$[?(@.x)]")
        ),
        *(
            (text, True)
            for text in ("data[?(@.a>1)].inner", "data[?(@.a)][*]", "data[0:2].items", "data where id")
        ),
    ],
)
def test_paths_to_some_elements_of_a_list(text: str, picks: bool) -> None:
    assert json_path.picks_elements(text) is picks
