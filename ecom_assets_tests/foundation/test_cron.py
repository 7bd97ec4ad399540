"""Cron expressions are read as Dagster reads them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from dagster import FreshnessPolicy, ScheduleDefinition, job

from ecom_assets.foundation.cron import Cron

RIGHT = {
    "0 3 * * *": timedelta(days=1),
    "*/15 * * * *": timedelta(minutes=15),
    "5/20 * * * *": timedelta(minutes=20),
    "0,50 9-17 * * 1-5": timedelta(minutes=10),
    "0 0 * */12 *": timedelta(days=1),
    "0 22-2 * * *": timedelta(hours=1),
    "30 4 * * fri-mon": timedelta(days=1),
    "0 0 * * sun": timedelta(days=7),
    "0 0 * * 0,7": timedelta(days=7),
    "0 0 1 * *": timedelta(days=28),
    "0 0 L * ?": timedelta(days=28),
    "0 0 29 2 *": timedelta(days=1461),
    "0 0 1,15 * 1": timedelta(days=1),
    "0 0 * JAN-MAR *": timedelta(days=1),
    "@hourly": timedelta(hours=1),
    "@Weekly": timedelta(days=7),
    "@monthly": timedelta(days=28),
}
"""Expressions, and the shortest time between two times at which each is due."""

WRONG = {
    "0 3 * *": "4 fields instead of 5",
    "0 0 3 * * *": "6 fields instead of 5",
    "60 * * * *": "'60' as minute",
    "0 24 * * *": "'24' as hour",
    "0 0 0 * *": "'0' as day of the month",
    "0 0 1 13 *": "'13' as month",
    "0 0 * * 8": "'8' as day of the week",
    "0 0 * * funday": "'funday' as day of the week",
    "*/0 * * * *": "'*/0' as minute",
    "*/90 * * * *": "'*/90' as minute",
    "? * * * *": "'?' as minute",
    "1- * * * *": "'1-' as minute",
    "0 0 30 2 *": "a day that no year has",
    "0 0 30 2 1": "a day that no year has",
    "0 0 31 4,6 *": "a day that no year has",
    "@reboot": "1 fields instead of 5",
    "": "0 fields instead of 5",
}


@job
def nothing() -> None:
    """Stand in for the job of a schedule."""


@pytest.mark.parametrize(("text", "gap"), RIGHT.items())
def test_what_is_taken_is_what_dagster_takes(text: str, gap: timedelta) -> None:
    assert Cron(text).shortest_gap() == gap
    ScheduleDefinition(job=nothing, cron_schedule=text)
    FreshnessPolicy.cron(text, gap)


@pytest.mark.parametrize(("text", "problem"), WRONG.items())
def test_what_is_wrong_is_named(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match="^" + problem.replace("*", r"\*").replace("?", r"\?")):
        Cron(text)
