"""The command `init`: makes a folder with a shop, an instance and the settings that a project needs."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from ecom_assets.cli.ui import create_instance

_SHOP = """\
# yaml-language-server: $schema=declaration.schema.json
# One API, and the tables that are loaded from it. This one loads from the bundled sandbox API, without an account.
name: myshop
client:
  base_url: "sandbox://"  # the address of your API, such as https://api.example.com
  auth: {{type: api_key, name: api_key, location: query}}  # its secret is SOURCES__MYSHOP__API_KEY in .env
  paginator: {{type: offset, limit: 100, total_path: total}}
partitions: {{every: day, start: "{start}"}}  # one window a day, and one partition in Dagster
resources:
  - name: orders
    primary_key: id
    write_disposition: merge
    endpoint:
      path: /v1/orders
      data_selector: data
      incremental: {{cursor_path: updated_at, start_param: updated_at_min, end_param: updated_at_max}}
    # columns: {{id: {{data_type: bigint, nullable: false}}}}  # without columns, the first load finds out their types
"""
_ENVIRONMENT = """\
# Settings of this project. In a shell: set -a; . ./.env; set +a
DAGSTER_HOME={home}
ECOM_SHOPS_DIR={shops}
# the tables are here: in a file, or at an address such as postgresql://user@host/database
ECOM_WAREHOUSE={warehouse}
# SOURCES__MYSHOP__API_KEY=
"""
_IGNORED = ".env\n.dagster/\ndata/\n.venv/\n"


def init(
    folder: Annotated[Path, typer.Argument(help="The folder; it is created if it does not exist.")] = Path(),
) -> None:
    """Make a project: a shop, a Dagster instance, and settings. Nothing that exists is overwritten."""
    from ecom_assets.declaration.reading import SCHEMA_FILE
    from ecom_assets.foundation.errors import IngestError

    root = folder.absolute()
    start = f"{datetime.now(timezone.utc) - timedelta(days=7):%Y-%m-%d}"
    # quoted, because a shell reads the file
    paths = {"home": ".dagster", "shops": "shops", "warehouse": "data/warehouse.duckdb"}
    here = {name: quote(str(root / path)) for name, path in paths.items()}
    example = {name: f"/path/of/this/folder/{path}" for name, path in paths.items()}
    files = {
        "shops/myshop.yaml": _SHOP.format(start=start),
        "shops/declaration.schema.json": SCHEMA_FILE.read_text(encoding="utf-8"),
        ".env": _ENVIRONMENT.format(**here),
        ".env.example": _ENVIRONMENT.format(**example),
        ".gitignore": _IGNORED,
    }
    try:
        for name, text in files.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            if file.exists():
                lacking = _lacking_lines(file, text) if name in (".env", ".gitignore") else []
                print("\n           ".join((f"kept     {name}{', add to it:' if lacking else ''}", *lacking)))
                continue
            if name == "shops/myshop.yaml" and any(file.parent.glob("*.y*ml")):
                print("kept     shops, which has declarations")
                continue
            file.touch(mode=0o600 if name == ".env" else 0o644)
            file.write_text(text, encoding="utf-8")
            print(f"created  {name}")
        create_instance(root / ".dagster")
    except OSError as error:
        raise IngestError(f"{error.filename}: {error.strerror}") from None
    shop = "myshop" if (root / "shops" / "myshop.yaml").exists() else "SHOP"
    enter = "" if root == Path.cwd() else f"cd {quote(str(folder))}; "
    print(f"Next: {enter}set -a; . ./.env; set +a; ecom-assets load {shop} --missing; ecom-assets ui")


def _lacking_lines(file: Path, text: str) -> list[str]:
    """Return the lines of our text that an existing file has in no form; a setting may have another value."""
    lines = (line.strip().removeprefix("export ") for line in file.read_text("utf-8", "replace").splitlines())
    known = {line.partition("=")[0].strip("/ ") for line in lines}
    return [
        line
        for line in text.splitlines()
        if not line.startswith("#") and line.partition("=")[0].strip("/") not in known
    ]
