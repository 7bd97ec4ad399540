"""Edits of a YAML file that leave every other character as it is: comments, quotes, order and empty lines.

A library that reads and writes the whole file anew would move comments and change what a person laid out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

Place = Sequence[str | int]


class YamlText:
    """A file's text; each edit sees what the ones before it did."""

    def __init__(self, text: str) -> None:
        """Take a text that is known to be YAML with a mapping at its top."""
        self.text = text if text.endswith("\n") or not text else f"{text}\n"

    def find(self, place: Place) -> yaml.Node | None:
        """Return the node at a place, None where there is none."""
        node: Any = yaml.compose(self.text, Loader=yaml.SafeLoader)
        for piece in place:
            if isinstance(node, yaml.MappingNode):
                node = next((value for key, value in node.value if key.value == piece), None)
            elif isinstance(node, yaml.SequenceNode) and isinstance(piece, int) and piece < len(node.value):
                node = node.value[piece]
            else:
                return None
        return node if isinstance(node, yaml.Node) else None

    def names_in(self, place: Place) -> dict[str, int]:
        """Return the positions of a list's mappings by what they say under `name`."""
        node = self.find(place)
        found = {}
        for position in range(len(node.value) if isinstance(node, yaml.SequenceNode) else 0):
            named = self.find([*place, position, "name"])
            if isinstance(named, yaml.ScalarNode):
                found[named.value] = position
        return found

    def set(self, place: Place, key: str, value: str) -> None:
        """Give a key of the mapping at a place another value, written as flow; add the key where it is missing."""
        node = self.find([*place, key])
        if node is None:
            self.add(place, f"{key}: {value}")
        else:
            self._put(node.start_mark.index, self._end(node), value)

    def remove(self, place: Place, key: str) -> None:
        """Take a key and its value out of the mapping at a place; does nothing where it is missing."""
        mapping = self.find(place)
        if not isinstance(mapping, yaml.MappingNode):
            return
        entries = mapping.value
        position = next((number for number, (name, _) in enumerate(entries) if name.value == key), None)
        if position is None:
            return
        name, value = entries[position]
        if not mapping.flow_style:
            self._put(self.text.rindex("\n", 0, name.start_mark.index), self._line_end(self._end(value)), "")
        elif position:
            self._put(self._end(entries[position - 1][1]), self._end(value), "")
        else:
            after = entries[1][0].start_mark.index if len(entries) > 1 else self._end(value)
            self._put(name.start_mark.index, after, "")

    def add(self, place: Place, line: str) -> None:
        """Add an entry, with its comment if it has one, at the end of the mapping at a place."""
        node = self.find(place)
        if not isinstance(node, yaml.MappingNode):
            raise LookupError(f"no mapping at {place}")
        if node.flow_style:
            entry = line.partition("  # ")[0]
            self._put(node.end_mark.index - 1, node.end_mark.index - 1, f", {entry}" if node.value else entry)
            return
        self._insert(self._line_end(self._end(node)), [line], node.start_mark.column)

    def append(self, place: Place, lines: Sequence[str]) -> None:
        """Add an item of several lines, the first of which begins with a dash, to the list at a place."""
        node = self.find(place)
        if not isinstance(node, yaml.SequenceNode) or node.flow_style:
            raise LookupError(f"no list in lines of its own at {place}")
        self._insert(self._line_end(self._end(node)), lines, node.start_mark.column)

    def remark(self, place: Place, text: str) -> bool:
        """Add a comment behind what is at a place, after the one that may be there; False where it is there."""
        node = self.find(place)
        if node is None:
            return False
        end = self._end(node)
        close = self._line_end(end)
        if text in self.text[end:close]:
            return False
        self._put(close, close, f"; {text}" if "#" in self.text[end:close] else f"  # {text}")
        return True

    def _end(self, node: yaml.Node) -> int:
        """Return where a node ends: a block of YAML's own ends only where the next thing begins."""
        while isinstance(node, (yaml.MappingNode, yaml.SequenceNode)) and not node.flow_style and node.value:
            last = node.value[-1]
            node = last[1] if isinstance(last, tuple) else last
        end = int(node.end_mark.index)
        while end > node.start_mark.index and self.text[end - 1] in "\n ":
            end -= 1
        return end

    def _line_end(self, index: int) -> int:
        return self.text.index("\n", index)

    def _insert(self, index: int, lines: Sequence[str], column: int) -> None:
        self._put(index, index, "".join(f"\n{' ' * column}{line}".rstrip(" ") for line in lines))

    def _put(self, begin: int, end: int, text: str) -> None:
        self.text = self.text[:begin] + text + self.text[end:]
