"""An open way to a shop's API: its address, its secrets, its session; the bundled sandbox started if need be.

What is asked over it is `source`'s and `probe`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from ecom_assets.client.auth import build_auth, resolve_secrets
from ecom_assets.client.failures import failure_of
from ecom_assets.client.read_statistics import ReadStatistics
from ecom_assets.client.redaction import Redactor, scrubbed_logging
from ecom_assets.client.session import ShopSession, create_session
from ecom_assets.declaration.privacy import PII_KEY_NAME
from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import IngestError

SANDBOX_SCHEME = "sandbox://"


@dataclass(frozen=True)
class ApiConnection:
    """A reachable shop, the session that signs for it, the figures of its slices, what hides its secrets, and the key
    of hashed columns."""

    shop: Shop
    session: ShopSession
    statistics: ReadStatistics
    redactor: Redactor
    pii_key: str = field(default="", repr=False)


@contextmanager
def open_api(shop: Shop, secrets: Mapping[str, str] | None = None) -> Iterator[ApiConnection]:
    """Open the way to a shop's API; while it is open no log record of the process holds one of its secrets.

    `secrets` are values by name; what is not among them comes from dlt's providers. Raises MissingSecret,
    and IngestError for a sandbox that cannot start. Whatever else ends the block becomes an IngestError, so
    that no text of somebody else's error, which may hold anything, gets out.
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
        session = create_session(shop, build_auth(shop, resolved), resolved.values(), statistics)
        stack.enter_context(scrubbed_logging(session.redactor))
        try:
            yield ApiConnection(shop, session, statistics, session.redactor, resolved.get(PII_KEY_NAME, ""))
        except Exception as error:
            failure = failure_of(error, session.redactor).with_traceback(None)
        else:
            return
        raise failure
