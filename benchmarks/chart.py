"""The chart of the results: a panel for each task, a bar for each contestant, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH = 910
_LABELS = 310
_VALUES = 80
_BAR = 18
_STEP = 24
_HEAD = 34
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600 }
.bar { fill: #8c959f } .own { fill: #0969da } .wrong { fill: #cf222e }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .bar { fill: #6e7681 } .own { fill: #4493f8 } .wrong { fill: #f85149 }
}
"""


@dataclass(frozen=True)
class Bar:
    """A contestant's seconds, whether it is this project (`own`), and whether its rows were wrong."""

    label: str
    seconds: float
    own: bool = False
    wrong: bool = False


@dataclass(frozen=True)
class Panel:
    """One task. Each panel has its own scale."""

    title: str
    bars: Sequence[Bar]


def draw(panels: Sequence[Panel]) -> str:
    """Return an SVG document with the panels below each other."""
    lines = []
    top = 0
    for panel in panels:
        lines.append(f'<text class="title" x="8" y="{top + 22}">{escape(panel.title)}, seconds</text>')
        top += _HEAD
        longest = max((bar.seconds for bar in panel.bars), default=0.0) or 1.0
        for bar in panel.bars:
            width = max(bar.seconds / longest * (_WIDTH - _LABELS - _VALUES), 1)
            kind = "wrong" if bar.wrong else "own" if bar.own else "bar"
            base = top + _BAR - 4
            value = f"{bar.seconds:.1f}" + (" (rows wrong)" if bar.wrong else "")
            lines += [
                f'<text x="{_LABELS - 8}" y="{base}" text-anchor="end">{escape(bar.label)}</text>',
                f'<rect class="{kind}" x="{_LABELS}" y="{top}" width="{width:.1f}" height="{_BAR}" rx="2"/>',
                f'<text x="{_LABELS + width + 6:.1f}" y="{base}">{value}</text>',
            ]
            top += _STEP
        top += 10
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" role="img">'
    about = f"<title>Seconds by contestant and task</title><style>{_STYLE}</style>"
    return "\n".join([head, about, *lines, "</svg>", ""])
