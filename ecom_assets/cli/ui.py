"""The command `ui`: starts Dagster's UI with our settings of an instance."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

_HOST = "127.0.0.1"
_SETTINGS = Path(__file__).parents[1] / "dagster.yaml"
_WORKSPACE = """\
# Written by `ecom-assets ui`; change it to open further code locations.
load_from:
  - python_module: {module_name: ecom_assets.definitions, location_name: ecom_assets}
"""


def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port.")] = 3000,
) -> None:
    """Open Dagster's UI on this machine until you press Ctrl-C.

    The instance is the folder that DAGSTER_HOME names, else .dagster in the current folder, which is created. The shops
    are those of ECOM_SHOPS_DIR, else of the folder `shops` here, else the bundled one.
    """
    from ecom_assets.foundation.errors import IngestError
    from ecom_assets.foundation.setting_paths import instance_home

    if find_spec("dagster_webserver") is None:
        raise IngestError("the UI needs the package dagster-webserver: pip install dagster-webserver")
    if _is_taken(port):
        raise IngestError(
            f"port {port} is taken: end the program that uses it, or choose another one with --port"
        )
    home = create_instance(instance_home())
    workspace = home / "workspace.yaml"
    if not workspace.exists():
        workspace.write_text(_WORKSPACE, encoding="utf-8")
    environment = {**os.environ, "DAGSTER_HOME": str(home), **_shops_here()}
    shops = environment.get("ECOM_SHOPS_DIR") or "the bundled shops"
    print(f"Dagster's UI: http://{_HOST}:{port}", flush=True)
    print(f"  instance {home}, shops {shops}. Ctrl-C ends it.", flush=True)
    # `dg dev` replaces it for a project of `dg`, and this folder is none
    quiet = ["-W", "ignore:Function `dev_command` is superseded"]
    command = [sys.executable, *quiet, "-m", "dagster", "dev", "-w", str(workspace)]
    # a shell lets a program in the background ignore Ctrl-C, and Dagster ends its own processes by it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen([*command, "--host", _HOST, "--port", str(port)], env=environment)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        raise SystemExit(process.wait())
    except KeyboardInterrupt:  # Dagster gets it too, and says so
        process.wait()


def create_instance(home: Path) -> Path:
    """Create the folder of a Dagster instance with our settings, unless it has some, and return it."""
    from ecom_assets.foundation.private_files import make_private_folder

    make_private_folder(home)
    if not (home / "dagster.yaml").exists():
        shutil.copyfile(_SETTINGS, home / "dagster.yaml")
    return home


def _shops_here() -> dict[str, str]:
    """Return the setting of the folder `shops`, if it has declarations and no other folder is set."""
    folder = Path("shops").absolute()
    if os.environ.get("ECOM_SHOPS_DIR") or not [*folder.glob("*.yaml"), *folder.glob("*.yml")]:
        return {}
    return {"ECOM_SHOPS_DIR": str(folder)}


def _is_taken(port: int) -> bool:
    """Tell whether another program listens on a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return True
    return False
