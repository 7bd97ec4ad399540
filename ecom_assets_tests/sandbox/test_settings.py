"""The sandbox's settings and clock, instants in a query, and the cost of its import."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime, timedelta, timezone
from fractions import Fraction

import pytest

from ecom_assets.sandbox import SANDBOX_KEY, SandboxSettings
from ecom_assets.sandbox.instants import midnight, parse_iso

START = midnight(date(2026, 1, 1))


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-01T00:00:00Z", START),
        ("2026-01-01t00:00:00z", START),
        ("2026-01-01", START),
        ("2026-01-01 00:00", START),
        ("2026-01-01T02:00:00+02:00", START),
        ("2025-12-31T19:30:00-0430", START),
        ("2026-01-01T01:00:00+01", START),
        ("2026-01-01T00:00:00.000000001Z", START + Fraction(1, 10**9)),
        ("2026-01-01T00:00:00,5Z", START + Fraction(1, 2)),
        ("1969-12-31T23:59:59.9Z", Fraction(-1, 10)),
        ("0001-01-01T00:00:00+14:00", -62135596800 - 14 * 3600),
    ],
)
def test_instants_read(text: str, instant: Fraction) -> None:
    """ISO 8601 is read with any offset, and with all its digits."""
    assert parse_iso(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-13-01",
        "2026-01-01T25:00:00Z",
        "2026-01-01T00:00:00 02:00",
        "1767225600",
        "٢٠٢٦-01-01",
    ],
)
def test_instants_refused(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match=r"ISO|month|hour"):
        parse_iso(text)


def test_settings_clock() -> None:
    """The clock is the real one, a fixed one or a callable's, in whole seconds of UTC."""
    fixed = datetime(2026, 1, 1, 2, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert SandboxSettings(now=fixed).clock() == START
    assert SandboxSettings(now=lambda: fixed).clock() == START
    assert abs(SandboxSettings().clock() - datetime.now(timezone.utc).timestamp()) < 5
    with pytest.raises(ValueError, match="no offset"):
        SandboxSettings(now=datetime(2026, 1, 1)).clock()


def test_settings_from_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The orders per day come from the environment, and a wrong value is shown."""
    monkeypatch.delenv("ECOM_SANDBOX_ORDERS_PER_DAY", raising=False)
    assert SandboxSettings().orders_per_day == 200
    monkeypatch.setenv("ECOM_SANDBOX_ORDERS_PER_DAY", "10000")
    assert SandboxSettings().orders_per_day == 10_000
    assert SandboxSettings(orders_per_day=7).orders_per_day == 7
    for wrong in ("", "many", "-1", "1.5", "99999999"):
        monkeypatch.setenv("ECOM_SANDBOX_ORDERS_PER_DAY", wrong)
        with pytest.raises(ValueError, match=f"ECOM_SANDBOX_ORDERS_PER_DAY: found '{wrong}'; allowed"):
            SandboxSettings()


def test_settings_refused() -> None:
    """Numbers out of range are refused, and the key is the documented one."""
    assert SandboxSettings().key == SANDBOX_KEY == "sandbox-key"
    with pytest.raises(ValueError, match="orders_per_day: found -1"):
        SandboxSettings(orders_per_day=-1)
    with pytest.raises(ValueError, match="max_limit: found 0"):
        SandboxSettings(max_limit=0)


def test_import_is_cheap() -> None:
    """The package imports no server, and its server imports neither Dagster nor the loader."""
    code = (
        "import sys, ecom_assets.sandbox as _; print('uvicorn' in sys.modules, 'starlette' in sys.modules);"
        "import ecom_assets.sandbox.server;"
        "print('dagster' in sys.modules, 'ecom_assets.declaration' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert shown.split() == ["False"] * 4
