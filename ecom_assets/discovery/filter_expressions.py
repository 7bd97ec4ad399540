"""Expressions that ask for a window within one parameter: JSON such as `where={"updated_at": {"$gte": …}}`, or text.

An expression is a pattern: `<field>`, `<start>` and `<end>` stand for the cursor and for the ends of a window.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from ecom_assets.declaration.placeholders import END, START
from ecom_assets.discovery.evidence import described

_JSON_OPERATORS = (("$gte", "$lt"), ("gte", "lt"), ("_gte", "_lt"), (">=", "<"))
_TEXTS = {
    "where": ('<field> >= "<start>" and <field> < "<end>"', "<field> >= '<start>' AND <field> < '<end>'"),
    "$filter": ("<field> ge <start> and <field> lt <end>",),
    "filter": (
        "<field> ge <start> and <field> lt <end>",
        "ge(<field>,<start>):lt(<field>,<end>)",
        '<field> >= "<start>" and <field> < "<end>"',
        "<field>>=<start>,<field><<end>",
    ),
    "q": ("<field>:>='<start>' AND <field>:<'<end>'", "<field>:[<start> TO <end>]"),
    "query": ("<field>:>='<start>' AND <field>:<'<end>'", "<field>:[<start> TO <end>]"),
}
STRUCTURED_PARAMS = ("where", "filter", "$filter", "s", "filters", "criteria", "conditions")
"""Parameters that usually take an expression."""
SEARCH_PARAMS = ("query", "q", "search")
"""Parameters that take an expression, or words to look for in a text."""
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?")
_STARTS = re.compile(r">|\bgte?\b|_gte?|\$gte?|\bge\b|after|from|since|\[\s*$")
_WORDS_OF_EXPRESSIONS = {
    "gte", "gt", "ge", "lte", "lt", "le", "and", "AND", "to", "TO", "where", "after", "before", "from", "since",
    "until", "between",
}  # fmt: skip


@dataclass(frozen=True)
class Expression:
    """One parameter with a pattern as its value.

    `evidence` says where the pattern comes from, empty if it is a usual one.
    """

    param: str
    pattern: str
    evidence: str = ""

    @property
    def has_end(self) -> bool:
        """Tell whether the expression states the end of the window."""
        return "<end>" in self.pattern

    def template(self, field: str, *, as_number: bool) -> dict[str, str]:
        """Return the parameter for a field, with placeholders of the declaration for the ends of a window.

        Args:
            field: The cursor, as the API writes its name.
            as_number: The ends are numbers, which need no quotes.
        """
        text = self.pattern.replace("{", "{{").replace("}", "}}")
        for mark, value in (("<start>", f"{{{START}}}"), ("<end>", f"{{{END}}}")):
            for quoted in (f'"{mark}"', f"'{mark}'") if as_number else ():
                text = text.replace(quoted, value)
            text = text.replace(mark, value)
        return {self.param: text.replace("<field>", field.replace("{", "{{").replace("}", "}}"))}


def usual_expressions(params: Collection[str]) -> list[Expression]:
    """Return the usual expressions of parameters, the likeliest of each parameter before the others."""
    ranked = []
    for param in params:
        base = param.lower().strip("$")
        texts = _TEXTS.get(param, _TEXTS.get(base, ()))
        in_json = [] if param.startswith("$") else [_json_pattern(*pair) for pair in _JSON_OPERATORS]
        if base == "filter" and in_json:
            usual, gte, underscored, compared = in_json
            in_query = json.dumps({"where": json.loads(gte)}, separators=(",", ":"))
            patterns = [gte, underscored, in_query, *texts, usual, compared]
        else:
            patterns = [*in_json[:1], *texts, *in_json[1:]]
        ranked += [(number, Expression(param, pattern)) for number, pattern in enumerate(patterns)]
    return [expression for _, expression in sorted(ranked, key=lambda entry: entry[0])]


def _json_pattern(low: str, high: str) -> str:
    return json.dumps({"<field>": {low: "<start>", high: "<end>"}}, separators=(",", ":"))


def described_expressions(known: Collection[str]) -> list[tuple[Expression, str]]:
    """Return the expressions that a description gives as examples, each with the field in the example.

    Args:
        known: Names of parameters; a mapping of what a description says about each, or there are no examples.
    """
    about: Mapping[str, Any] = known if isinstance(known, Mapping) else {}
    found: dict[Expression, str] = {}
    for param in known:
        for text in _examples(param, about.get(param) or {}):
            entry = _expression_in(param, text)
            if entry:
                found.setdefault(*entry)
    return list(found.items())


def _examples(param: str, about: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts in a description that may be values of a parameter."""
    examples = about.get("examples") or ()
    for example in examples if isinstance(examples, (list, tuple)) else ():
        if isinstance(example, (Mapping, list)):
            yield json.dumps(example, separators=(",", ":"), default=str)
        elif isinstance(example, str):
            yield example
    description = str(about.get("description", ""))
    for text in re.findall(r"`([^`]+)`", description):
        yield text
    for text in re.findall(rf"[?&\s]{re.escape(param)}=(\S+)", f" {description}"):
        yield text.rstrip(".,;")


def _expression_in(param: str, text: str) -> tuple[Expression, str] | None:
    """Return an example as a pattern with the field that it filters by, None where it is more or less than a window."""
    text = unquote_plus(text) if re.search(r"%[0-9A-F]{2}", text) else text
    text = text.strip().removeprefix("?").removeprefix(f"{param}=")
    instants = list(_INSTANT.finditer(text))
    if len(instants) not in (1, 2) or not _STARTS.search(text[: instants[0].start()]):
        return None
    marks = ("<start>", "<end>")
    for mark, match in reversed(list(zip(marks, instants, strict=False))):
        text = text[: match.start()] + mark + text[match.end() :]
    rest = text.replace("<start>", " ").replace("<end>", " ")
    words = set(re.findall(r"\$?[A-Za-z_][A-Za-z0-9_.]*", rest))
    fields = {word for word in words if word.lstrip("$_") not in _WORDS_OF_EXPRESSIONS}
    if len(fields) != 1 or re.search(r"\d", re.sub(r"[A-Za-z_][A-Za-z0-9_.]*", "", rest)):
        return None  # a further condition would leave out records
    field = fields.pop()
    pattern = re.sub(rf"(?<![\w.]){re.escape(field)}(?![\w.])", "<field>", text)
    return Expression(param, pattern, described("as in the description's example")), field
