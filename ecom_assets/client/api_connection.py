"""The open connection to a shop's API: its declaration, session, statistics and redactor.

Opening it resolves the secrets, and starts the bundled sandbox for a shop that uses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from ecom_assets.client.auth import build_auth, build_endpoint_auth
from ecom_assets.client.failures import failure_of
from ecom_assets.client.read_statistics import ReadStatistics
from ecom_assets.client.redaction import Redactor, scrubbed_logging
from ecom_assets.client.secrets import SANDBOX_SCHEME, public_ids, resolve_secrets
from ecom_assets.client.session import ShopSession, create_session
from ecom_assets.declaration.reading import Shop
from ecom_assets.declaration.table.privacy import PII_KEY_NAME
from ecom_assets.foundation.errors import IngestError


@dataclass(frozen=True)
class ApiConnection:
    """What reading an API needs.

    `shop` has the address that answers, also for the sandbox. `session` signs the requests, `statistics` counts them,
    `redactor` hides the secrets in texts, and `pii_key` is the key that personal data is hashed with ("" without one).
    """

    shop: Shop
    session: ShopSession
    statistics: ReadStatistics
    redactor: Redactor
    pii_key: str = field(default="", repr=False)


@contextmanager
def open_api(shop: Shop, secrets: Mapping[str, str] | None = None) -> Iterator[ApiConnection]:
    """Open a shop's API until the end of the block; meanwhile no log record of the process holds one of its secrets.

    Any exception that leaves the block becomes an IngestError: the text of another error may hold anything.

    Args:
        shop: The shop to connect to.
        secrets: Secrets by name; dlt's providers are asked for the missing ones.

    Raises:
        MissingSecret: A secret is not found.
        IngestError: The sandbox cannot start, or the block failed.
    """
    resolved = resolve_secrets(shop, secrets)
    with ExitStack() as stack:
        if shop.client.base_url.startswith(SANDBOX_SCHEME):
            # imported here, because a shop of one's own needs no server
            from ecom_assets.sandbox.server import serving

            try:
                running = stack.enter_context(serving())
            except (OSError, ValueError) as error:
                raise IngestError(f"the sandbox cannot start: {error}") from None
            path = shop.client.base_url.removeprefix(SANDBOX_SCHEME)
            client = shop.client.model_copy(update={"base_url": f"{running.base_url}/{path}".rstrip("/")})
            shop = shop.model_copy(update={"client": client})
        statistics = ReadStatistics()
        session = create_session(
            shop,
            build_auth(shop, resolved),
            resolved.values(),
            statistics,
            build_endpoint_auth(shop, resolved),
            public_ids(shop, resolved),
        )
        stack.enter_context(scrubbed_logging(session.redactor))
        try:
            yield ApiConnection(shop, session, statistics, session.redactor, resolved.get(PII_KEY_NAME, ""))
        except Exception as error:
            failure = failure_of(error, session.redactor).with_traceback(None)
        else:
            return
        raise failure
