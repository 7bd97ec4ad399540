"""A strict YAML loader: safe types, each key once, and limits that hold before a value is built.

PyYAML itself has no limit: nested brackets end in a RecursionError, merge keys that double each other fill the memory,
and a tag on a wrong value ends in whatever exception its constructor happens to raise.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

try:
    from yaml import CSafeLoader
except ImportError:  # PyYAML was built without libyaml
    from yaml import SafeLoader as CSafeLoader  # type: ignore[assignment]

MAX_DEPTH = 50
"""Levels of mappings and lists within each other."""
_MAX_DIGITS = 1000
"""Digits of a whole number. Python refuses to print one with more than 4,300."""

_MERGE = "tag:yaml.org,2002:merge"

_READ_BY_PYTHON = re.compile(r"[\t\x85\u2028\u2029]|!(?=\s|$)")
"""Where libyaml takes a text that Python's parser refuses, or makes another value of it."""


class _Strict(Composer, SafeConstructor, Resolver):
    """What makes a loader strict, above whatever takes the text apart."""

    def __init__(self) -> None:
        """Begin with an empty document."""
        self._depth = 0
        self._checked: set[yaml.Node] = set()

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return the next node; raises MarkedYAMLError below `MAX_DEPTH` levels."""
        self._depth += 1
        if self._depth > MAX_DEPTH + 1:  # texts and numbers in the deepest list are no level of their own
            problem = f"more than {MAX_DEPTH} levels within each other"
            event: Any = self.peek_event()  # type: ignore[attr-defined]  # of the parser below
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Replace the merge keys of a mapping by the keys of their mappings; raises MarkedYAMLError for a repeated key.

        Each key stays once, so that merged mappings which repeat each other do not grow.
        """
        if node in self._checked:
            return
        self._checked.add(node)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                if key.value in seen:
                    raise yaml.MarkedYAMLError(problem="a key that occurs twice", problem_mark=key.start_mark)
                seen.add(key.value)
        super().flatten_mapping(node)  # the mapping's own keys come last, so they override the merged ones
        latest = {
            (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else key: (key, value)
            for key, value in node.value
        }
        node.value = list(latest.values())

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Return a value; raises MarkedYAMLError, which knows the line, for an impossible date and the like."""
        try:
            return super().construct_object(node, deep)
        except (yaml.YAMLError, RecursionError):
            raise
        except Exception:  # PyYAML's constructors raise KeyError, IndexError, AttributeError and ValueError
            problem = "a value that does not exist, such as an impossible date"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from None

    def construct_whole_number(self, node: yaml.ScalarNode) -> int:
        """Return a whole number; raises MarkedYAMLError for one that is too long to be shown."""
        if len(node.value) > _MAX_DIGITS:
            problem = f"a whole number of more than {_MAX_DIGITS} digits"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        return int(super().construct_yaml_int(node))

    def refuse_node(self, node: yaml.Node) -> Any:
        """Raise MarkedYAMLError for a type that JSON does not have."""
        problem = "binary data, a set or an ordered mapping"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


class StrictLoader(_Strict, yaml.SafeLoader):
    """A safe YAML loader whose every failure is a YAMLError that knows its line."""

    def __init__(self, stream: str) -> None:
        """Read a text; see `yaml.load`."""
        yaml.SafeLoader.__init__(self, stream)
        _Strict.__init__(self)


class FastLoader(_Strict, CSafeLoader):
    """A strict loader above libyaml, which takes a text apart ten times faster than Python."""

    def __init__(self, stream: str) -> None:
        """Read a text; see `yaml.load`."""
        CSafeLoader.__init__(self, stream)
        Composer.__init__(self)
        _Strict.__init__(self)


_LOADERS: tuple[Any, ...] = (StrictLoader, FastLoader)
for _loader in _LOADERS:
    _loader.add_constructor("tag:yaml.org,2002:int", _loader.construct_whole_number)
    for _type in ("binary", "set", "omap", "pairs"):
        _loader.add_constructor(f"tag:yaml.org,2002:{_type}", _loader.refuse_node)


def load_strictly(text: str) -> Any:
    """Return the document in a text. Raises YAMLError, and RecursionError for an alias that contains itself.

    A text that libyaml refuses is read by Python, whose errors have other words and places.
    """
    if not _READ_BY_PYTHON.search(text):
        with suppress(yaml.YAMLError, RecursionError):
            return yaml.load(text, Loader=FastLoader)
    return yaml.load(text, Loader=StrictLoader)  # a subclass of SafeLoader
