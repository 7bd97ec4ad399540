"""Edits the text of a YAML file and keeps every other character: comments, quotes, order and empty lines.

A library that parses and writes the whole file again would move comments and change the layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

Place = Sequence[str | int]
"""The keys and positions that lead to a node, such as `["resources", 0, "columns"]`."""


class YamlText:
    """The text of a YAML file, changed in place by each edit."""

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

    def positions_by_name(self, place: Place) -> dict[str, int]:
        """Return the positions of the mappings in a list, by their `name`."""
        node = self.find(place)
        positions = {}
        for position in range(len(node.value) if isinstance(node, yaml.SequenceNode) else 0):
            name = self.find([*place, position, "name"])
            if isinstance(name, yaml.ScalarNode):
                positions[name.value] = position
        return positions

    def set(self, place: Place, key: str, value: str) -> None:
        """Set a key of the mapping at a place; `value` is YAML in one line. Adds the key where it is missing."""
        node = self.find([*place, key])
        if node is None:
            self.add(place, f"{key}: {value}")
        else:
            self._replace(node.start_mark.index, self._end(node), value)

    def remove(self, place: Place, key: str) -> None:
        """Remove a key and its value from the mapping at a place, if it is there."""
        mapping = self.find(place)
        if not isinstance(mapping, yaml.MappingNode):
            return
        entries = mapping.value
        position = next((number for number, (name, _) in enumerate(entries) if name.value == key), None)
        if position is None:
            return
        name, value = entries[position]
        if not mapping.flow_style:
            self._replace(
                self.text.rindex("\n", 0, name.start_mark.index), self._line_end(self._end(value)), ""
            )
        elif position:
            self._replace(self._end(entries[position - 1][1]), self._end(value), "")
        else:
            after = entries[1][0].start_mark.index if len(entries) > 1 else self._end(value)
            self._replace(name.start_mark.index, after, "")

    def add(self, place: Place, line: str) -> None:
        """Add an entry at the end of the mapping at a place.

        Args:
            place: Where the mapping is.
            line: The entry in one line, which may end with a comment; a mapping in one line takes no comment.

        Raises:
            LookupError: There is no mapping.
        """
        node = self.find(place)
        if not isinstance(node, yaml.MappingNode):
            raise LookupError(f"no mapping at {place}")
        if node.flow_style:
            entry = line.partition("  # ")[0]
            self._replace(
                node.end_mark.index - 1, node.end_mark.index - 1, f", {entry}" if node.value else entry
            )
            return
        self._insert(self._line_end(self._end(node)), [line], node.start_mark.column)

    def add_all(self, place: Place, key: str, lines: Sequence[str]) -> None:
        """Add entries to the mapping under a key of the mapping at a place, and the key where it is missing.

        Args:
            place: Where the outer mapping is.
            key: The key of the inner mapping.
            lines: The entries, each in one line.

        Raises:
            LookupError: There is no mapping.
        """
        outer, inner = self.find(place), self.find([*place, key])
        if isinstance(inner, yaml.MappingNode) and inner.value:
            for line in lines:
                self.add([*place, key], line)
            return
        if inner is not None:
            self.remove(place, key)
            outer = self.find(place)
        if not isinstance(outer, yaml.MappingNode):
            raise LookupError(f"no mapping at {place}")
        if outer.flow_style:
            self.add(place, f"{key}: {{{', '.join(lines)}}}")
        else:
            block = [f"{key}:", *(f"  {line}" for line in lines)]
            self._insert(self._line_end(self._end(outer)), block, outer.start_mark.column)

    def append(self, place: Place, lines: Sequence[str]) -> None:
        """Add an item to the list at a place.

        Args:
            place: Where the list is.
            lines: The lines of the item; the first begins with a dash.

        Raises:
            LookupError: There is no list, or it is written in one line.
        """
        node = self.find(place)
        if not isinstance(node, yaml.SequenceNode) or node.flow_style:
            raise LookupError(f"no list with one item a line at {place}")
        self._insert(self._line_end(self._end(node)), lines, node.start_mark.column)

    def remark(self, place: Place, text: str) -> bool:
        """Add a text to the comment after the node at a place.

        Returns:
            False where there is no such node, or the comment already has this text.
        """
        node = self.find(place)
        if node is None:
            return False
        end = self._end(node)
        line_end = self._line_end(end)
        if text in self.text[end:line_end]:
            return False
        self._replace(line_end, line_end, f"; {text}" if "#" in self.text[end:line_end] else f"  # {text}")
        return True

    def _end(self, node: yaml.Node) -> int:
        """Return where a node's text ends; for PyYAML a block ends only where the next node begins."""
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
        self._replace(index, index, "".join(f"\n{' ' * column}{line}".rstrip(" ") for line in lines))

    def _replace(self, begin: int, end: int, text: str) -> None:
        self.text = self.text[:begin] + text + self.text[end:]
