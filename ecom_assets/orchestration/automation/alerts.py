"""The failure sensor: posts a line about each failed run to the webhook that ECOM_ALERT_WEBHOOK names.

No post contains a secret of a shop. The webhook's address is a secret too, and no message shows it.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from dagster import (
    AssetKey,
    DagsterRun,
    DefaultSensorStatus,
    Failure,
    RunFailureSensorContext,
    SensorDefinition,
    SkipReason,
    run_failure_sensor,
)

from ecom_assets.client.redaction import Redactor
from ecom_assets.client.secrets import resolve_secrets
from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import IngestError
from ecom_assets.orchestration.automation.jobs import SHOP_TAG
from ecom_assets.orchestration.partitions import RANGE_END_TAG, RANGE_START_TAG
from ecom_assets.orchestration.resources import ShopSecrets, secrets_key

VARIABLE = "ECOM_ALERT_WEBHOOK"
TIMEOUT = 10.0
"""Seconds to wait for the webhook."""

_NONE: Mapping[AssetKey, str] = {}


def failure_sensor(
    shops: Sequence[Shop],
    resources: Mapping[str, ShopSecrets],
    shop_names: Mapping[AssetKey, str] = _NONE,
) -> SensorDefinition:
    """Return the sensor of all failed runs, whichever job they are of.

    It reads ECOM_ALERT_WEBHOOK at each tick. Without the variable it skips the failed run.

    Args:
        shops: All shops of the code location.
        resources: The secrets of each shop by `secrets_key`; they are redacted from what is posted.
        shop_names: The name of the shop of each asset. The shop of another asset is the first part of its key.
    """

    @run_failure_sensor(
        name="alert_on_failure",
        description=f"Posts each failed run as JSON to the webhook in {VARIABLE}.",
        default_status=DefaultSensorStatus.STOPPED,
    )
    def post_alert(context: RunFailureSensorContext) -> SkipReason | None:
        webhook = os.environ.get(VARIABLE)
        if not webhook:
            return SkipReason(f"{VARIABLE} is not set: nothing was posted")
        redactor = Redactor([webhook, *_available_secrets(shops, resources)])
        message = {
            key: value and redactor.scrub(value)
            for key, value in alert_message(context, shop_names or {}).items()
        }
        post(webhook, message)
        return None

    return post_alert


def _available_secrets(shops: Sequence[Shop], resources: Mapping[str, ShopSecrets]) -> Iterable[str]:
    """Yield every secret that is available right now; one that is missing cannot be in a text."""
    for shop in shops:
        secrets = resources[secrets_key(shop)].available_secrets()
        yield from secrets.values()
        try:
            yield from resolve_secrets(shop, secrets).values()
        except IngestError:
            continue


def alert_message(
    context: RunFailureSensorContext, shop_names: Mapping[AssetKey, str] = _NONE
) -> dict[str, str | None]:
    """Return what is posted about a failed run: text, run_id, job, shop, error, partition."""
    run = context.dagster_run
    start, end = run.tags.get(RANGE_START_TAG), run.tags.get(RANGE_END_TAG)
    partition = f"{start}...{end}" if start and end else context.partition_key
    shop = _shop_of(run, shop_names)
    error = _error_text(context)
    of_partition = f" for {partition}" if partition else ""
    return {
        "text": f"{shop or 'unknown shop'}: run {run.run_id[:8]} of {run.job_name}{of_partition} failed: {error}",
        "run_id": run.run_id,
        "job": run.job_name,
        "shop": shop,
        "error": error,
        "partition": partition,
    }


def _shop_of(run: DagsterRun, shop_names: Mapping[AssetKey, str]) -> str | None:
    """Return the shop of a run: its job's tag, else the shop of its assets where all are of one."""
    keys = {*(run.asset_selection or ()), *(check.asset_key for check in run.asset_check_selection or ())}
    shops = {shop_names.get(key, key.path[0]) for key in keys}
    return run.tags.get(SHOP_TAG) or (shops.pop() if len(shops) == 1 else None)


def _error_text(context: RunFailureSensorContext) -> str:
    """Return the reason of each failed step: the text of our own Failure where there is one, no traceback."""
    lines = []
    for event in context.get_step_failure_events():
        data = event.step_failure_data
        own_text = data.user_failure_data.description if data.user_failure_data else None
        # Dagster wraps what the op raised in an error of its own, which adds nothing
        error = data.error and (data.error.cause or data.error)
        lines.append(own_text or (error.message.strip() if error else event.message or ""))
    return "\n".join(filter(None, lines)) or context.failure_event.message or "Dagster reports no reason"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Treats a redirect as a failure: following it would turn the POST into a GET without content."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


def post(webhook: str, message: Mapping[str, str | None]) -> None:
    """Post a message as JSON.

    Raises:
        Failure: The address is not valid, or the webhook did not accept the message. The text shows the address's host
            at most.
    """
    try:
        address = urlsplit(webhook)
        host, scheme = address.hostname, address.scheme
    except ValueError:
        host, scheme = None, ""
    if scheme not in ("http", "https") or not host:
        raise Failure(
            description=f"{VARIABLE}: found a value that is not a web address; allowed: http://… or https://…"
        )
    try:
        request = urllib.request.Request(
            webhook,
            data=json.dumps(message).encode(),
            headers={"Content-Type": "application/json", "User-Agent": "ecom-assets"},
        )
        # without a level of their own, the handlers take that of http.client, which may print the address
        handlers = (urllib.request.HTTPHandler(debuglevel=0), urllib.request.HTTPSHandler(debuglevel=0))
        with urllib.request.build_opener(_NoRedirect, *handlers).open(request, timeout=TIMEOUT):
            return
    except urllib.error.HTTPError as error:
        problem = f"it answered {error.code}"
        error.close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        problem = Redactor([webhook]).scrub(str(getattr(reason, "strerror", None) or type(reason).__name__))
    raise Failure(description=f"the alert could not be posted to {host}: {problem}") from None
