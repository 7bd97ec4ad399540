"""Choose the versions in requirements*.txt anew from pyproject.toml: `make requirements` runs this with uv at hand.

- `requirements.txt`: what running takes, with dagster-embedded-elt, which pins the versions of Dagster.
- `requirements-deploy.txt`: what the extras add (other warehouses, the tiers of deploy/), but for `heavy-extras`.
- `requirements-dev.txt`: what tests and linters add to both.

Each file holds only what the ones before it lack, so it is installed with `--no-deps`, after them. All three come of
one resolution, so they agree on each version.

Usage: python .ci/requirements.py UV [OLD.txt ...]; versions in the old files are kept where they still fit.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
# read as text, because Python 3.10 has no parser for it
_PROJECT = (ROOT / "pyproject.toml").read_text("utf-8")
_LISTED = _PROJECT.partition("[project.optional-dependencies]")[2].partition("\n[")[0]
_HEAVY = _PROJECT.partition("\nheavy-extras = [")[2].partition("]")[0]
EXTRAS = [
    option
    for extra in re.findall(r"^([\w-]+) = \[", _LISTED, re.MULTILINE)
    if f'"{extra}"' not in _HEAVY
    for option in ("--extra", extra)
]
FILES: dict[str, tuple[str, list[str]]] = {
    "requirements.txt": ("What running takes", ["--extra", "embedded-elt"]),
    "requirements-deploy.txt": ("What the extras add", EXTRAS),
    "requirements-dev.txt": ("What tests and linters add", [*EXTRAS, "--group", "dev"]),
}


def compiled(uv: str, arguments: list[str], constraints: list[Path]) -> list[str]:
    """Return the requirements that uv resolves, one text each, with its hashes."""
    options = ["--universal", "--python-version", "3.10", "--generate-hashes", "--no-strip-extras"]
    options += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--quiet"]
    for file in constraints:
        options += ["--constraint", str(file)]
    command = [uv, "--no-config", "pip", "compile", "pyproject.toml", *arguments, *options]
    text = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return text.replace("\\\n", "\0").splitlines()


def pins(requirements: list[str]) -> str:
    """Return requirements without their hashes, as a file of constraints."""
    return "".join(line.split("\0")[0].split(" --hash")[0].rstrip() + "\n" for line in requirements)


def main(uv: str, *old: str) -> None:
    """Write the three files."""
    with tempfile.TemporaryDirectory() as folder:
        kept, chosen = Path(folder, "kept.txt"), Path(folder, "chosen.txt")
        before = [
            line for file in old for line in Path(file).read_text("utf-8").replace("\\\n", "\0").splitlines()
        ]
        kept.write_text(pins([line for line in before if line and not line.startswith("#")]), "utf-8")
        everything = compiled(uv, FILES["requirements-dev.txt"][1], [kept])
        chosen.write_text(pins(everything), "utf-8")
        written: set[str] = set()
        for name, (title, arguments) in FILES.items():
            found = [line for line in compiled(uv, arguments, [chosen]) if line not in written]
            written.update(found)
            head = f"# Written by `make requirements` from pyproject.toml, for Python 3.10 to 3.13, by hash. {title}.\n"
            text = "".join(line.replace("\0", "\\\n") + "\n" for line in found)
            Path(ROOT, name).write_text(head + text, "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
