"""Make the warehouses of a former version: run this with the code of that version, as README.md says."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

ORDERS: list[dict[str, Any]] = [
    {"id": 1, "updated_at": "2026-01-01T09:00:00Z", "total": "10.5", "tags": {"b": 1, "a": [True]}},
    {"id": 2, "updated_at": "2026-01-01T10:00:00Z", "total": "no number", "tags": None},
    {"id": 3, "updated_at": "2026-01-02T09:00:00Z", "total": "7.25", "tags": []},
    {"id": 4, "updated_at": "2026-01-02T10:00:00Z", "total": "1", "tags": None},
]
LINES = {1: [{"id": 1, "sku": "a"}, {"id": 2, "sku": "b"}], 2: [], 3: [{"id": 1, "sku": "c"}], 4: []}
STORES: list[dict[str, Any]] = [{"id": 1, "city": "Graz"}, {"id": 2, "city": None}]
GONE = 4
"""The order that was deleted after the load, and before the sweep."""


def records(path: str, query: dict[str, str]) -> list[dict[str, Any]]:
    """Return the records of an endpoint, those of a window if the query names one."""
    if path == "/stores":
        return STORES
    orders = [{**order, "lines": LINES.get(order["id"], [])} for order in ORDERS]
    return [row for row in orders if query.get("from", "") <= row["updated_at"] < query.get("to", "9")]


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        address = urlsplit(self.path)
        rows = records(address.path, dict(parse_qsl(address.query)))
        body = json.dumps({"data": rows, "total": len(rows)}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _load(base_url: str, place: str) -> None:
    """Load two days and the stores, and sweep, with whatever version is on the path."""
    from ecom_assets.load.delete_detection import detect_deletes  # type: ignore[import-not-found]

    from ecom_assets import load_shop, run_load
    from ecom_assets.extract.windows import windows_between

    os.environ["ECOM_WAREHOUSE"] = place
    text = Path(__file__).with_name("former_shop.yaml").read_text("utf-8")
    file = Path("acme.yaml")
    file.write_text(text.replace("https://api.example.com", base_url), "utf-8")
    shop = load_shop(file)
    assert shop.partitions
    windows = windows_between(
        shop.partitions, shop.partitions.start, datetime(2026, 1, 3, tzinfo=timezone.utc)
    )
    for names, chosen in ((["orders", "lines"], windows), (["stores"], ())):
        assert not run_load(shop, names, chosen).errors
    ORDERS[:] = [order for order in ORDERS if order["id"] != GONE]
    assert detect_deletes(shop, "orders").newly_deleted == 1


def main(target: Path, database: str, pg_dump: str) -> None:
    """Write both warehouses into a folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base_url = f"http://127.0.0.1:{server.server_port}"
    file = Path("place.duckdb").resolve()
    orders = list(ORDERS)
    for place in (str(file), database):
        ORDERS[:] = orders
        _load(base_url, place)
    (target / "warehouse.duckdb.gz").write_bytes(gzip.compress(file.read_bytes(), 9, mtime=0))
    options = ["--inserts", "--no-owner", "--no-privileges", "--no-comments", database]
    dump = subprocess.run([pg_dump, *options], check=True, capture_output=True, text=True).stdout
    # psql's own commands, and comments
    lines = [line for line in dump.splitlines() if line and not line.startswith(("\\", "--"))]
    (target / "warehouse.sql").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
