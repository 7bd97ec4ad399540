"""The page `docs/dlt-configuration.md`: all keys of dlt's configuration, by dlt's typed dictionary."""

from __future__ import annotations

from collections.abc import Iterator

from ecom_assets.declaration.dlt_config.key import DltKey, DltSection
from ecom_assets.declaration.dlt_config.sections import SECTIONS

_HEAD = """\
# From dlt's configuration

`make docs` generates this page. It lists every key of `RESTAPIConfig`, the configuration of dlt's REST API source, and
what a declaration makes of it. A key is taken **as it is**, or **in our way**: the text says how. Some take a function
and are **only in Python**. The others are **refused**, and so are some values: the message gives the reason and what
to use. No key is ignored silently. A key without effect says so here.

To use such a configuration, write its `client`, `resource_defaults` and `resources` into a file with a `name`.
[The keys](keys.md) lists the keys of a file, also those that dlt does not have. Null means the default everywhere,
except that `auth: null` of an endpoint leaves its requests unsigned, as in dlt.
"""


def dlt_page_text() -> str:
    """Return the page, in Markdown."""
    return "\n".join([_HEAD, *(line for section in SECTIONS for line in _section(section))])


def _section(section: DltSection) -> Iterator[str]:
    """Yield the heading of a place and the table of its keys."""
    names = ", ".join(f"`{name}`" for name in section.dictionaries)
    place = f" Place in a file: `{section.place}`." if section.place else ""
    yield f"## {section.title}\n"
    yield f"dlt: {names}.{place}\n"
    yield "| key | taken | meaning, or reason and what to use |\n| --- | --- | --- |"
    for key in section.keys:
        yield f"| `{key.key}` | {key.treatment} | {_meaning(key).replace('|', chr(92) + '|')} |"
    yield ""


def _meaning(key: DltKey) -> str:
    """Return what a key does, or why it is refused and what to use."""
    if key.treatment == "refused":
        use = "Leave it out" if key.instead == "nothing" else f"Use: {key.instead}"
        return f"{key.text}. {use}."
    text = f"No effect. {key.text}" if key.has_no_effect else key.text
    return f"{text} Otherwise use: {key.instead}." if key.treatment == "only in Python" else text
