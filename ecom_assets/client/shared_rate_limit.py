"""The pace of a shop that all runs on all machines share: kept in the broker that ECOM_BROKER names.

The broker is one that speaks Redis' protocol, such as Valkey; its clock is the only one that counts. Without the
variable each run has a `pace` of its own, and nothing here needs the broker's client.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ecom_assets.client.rate_limit import RateLimit
from ecom_assets.foundation.errors import BrokerError

if TYPE_CHECKING:
    from redis import Redis

VARIABLE = "ECOM_BROKER"
"""The environment variable that holds the broker's address; a secret, for a password may stand in it."""

_TIMEOUT = 5.0
"""Seconds that the broker may take to be reached, and to answer."""

_RETRIES = 3
"""How often a broker that could not be asked is asked again, over about two seconds: it may be starting anew."""

_MICRO = 1_000_000

# times are whole microseconds since 1970 by the broker's clock, which a double holds to the last digit
_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local known = redis.call('HMGET', KEYS[1], 'turn', 'resume')
local turn, resume = tonumber(known[1]) or 0, tonumber(known[2]) or 0
"""
_TAKE = f"""{_NOW}
local left = math.max(resume - now, 0)
local late = math.max(turn - now, left)
if late <= 0 then
    redis.call('HSET', KEYS[1], 'turn', string.format('%.0f', now + ARGV[1]))
end
return {{left, late}}
"""
_PAUSE = f"""{_NOW}
redis.call('HSET', KEYS[1], 'resume', string.format('%.0f', math.max(resume, now + ARGV[1])))
"""


def rate_limit_of(name: str, per_second: float | None, environ: Mapping[str, str] = os.environ) -> RateLimit:
    """Return the pace of the shop of a name: that of all runs where a broker is configured, else one of its own.

    Raises BrokerError for a broker that cannot be asked.
    """
    url = environ.get(VARIABLE)
    return SharedRateLimit(name, per_second, url) if url else RateLimit(per_second)


class SharedRateLimit(RateLimit):
    """A pace that is kept in the broker, under the shop's name.

    A turn is taken when it has come and not before, so a process that is killed takes none along. Raises
    BrokerError wherever the broker cannot be asked, and from then on: without it nothing may leave.
    """

    def __init__(self, name: str, per_second: float | None, url: str) -> None:
        """Ask the broker at `url` whether it is there."""
        super().__init__(per_second)
        self._name = name
        self._where = _shown(url)
        self._lost = ""
        client = _client(url)
        self._asked(client.ping)
        keys = [f"ecom_assets:pace:{name}"]
        self._taking = partial(client.register_script(_TAKE), keys, [round(self._interval * _MICRO)])
        self._pausing = partial(client.register_script(_PAUSE), keys)

    def pause(self, seconds: float) -> None:
        """Let nothing of any run leave for so long; a pause that ends later stays as it is."""
        self._asked(partial(self._pausing, [round(seconds * _MICRO)]))

    def _take(self) -> tuple[float, float]:
        left, late = self._asked(self._taking)
        return left / _MICRO, late / _MICRO

    def _asked(self, question: Callable[[], Any]) -> Any:
        """Return what the broker answers; the error holds no more than its address and a reason in our words.

        It is raised outside of the except clause, so that nothing hangs on to it that knows the password.
        """
        from redis import RedisError

        # who stood behind the one that found out need not find out again, one after the other
        if not self._lost:
            try:
                return question()
            except (RedisError, OSError) as error:
                self._lost = _reason(error)
            except TypeError:  # of an option in the address that the client does not know
                self._lost = "its address has an option that is unknown"
        raise BrokerError(
            f"{VARIABLE}: the broker at {self._where} cannot be asked for the pace of {self._name!r}: {self._lost}"
        )


def _shown(url: str) -> str:
    """Return host and port of an address; raises BrokerError, which quotes nothing, for one that is none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 6379
    except ValueError:
        pass
    else:
        # an @ further on is that of a password that was cut in two by a character of its own
        if host and parts.scheme in ("redis", "rediss") and "@" not in url.partition(parts.netloc)[2]:
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    raise _unusable()


def _client(url: str) -> Redis:
    """Return the client of a broker, which connects when it is first used."""
    try:
        from redis import Redis
        from redis.backoff import ExponentialBackoff
        from redis.retry import Retry
    except ImportError:
        missing = (
            f"{VARIABLE} is set, but the broker's client is not installed: pip install ecom-assets[broker]"
        )
        raise BrokerError(missing) from None
    retry = Retry(ExponentialBackoff(cap=1, base=0.2), _RETRIES)
    try:
        return Redis.from_url(url, retry=retry, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT)
    except ValueError:  # whose text may quote a part of the address
        pass
    raise _unusable()


def _unusable() -> BrokerError:
    return BrokerError(
        f"{VARIABLE}: found no such address; allowed: redis://… or rediss://…, "
        "with the special characters of a password percent-encoded"
    )


def _reason(error: Exception) -> str:
    """Return why a broker could not be asked, in words that quote neither it nor the address."""
    from redis import AuthenticationError, ConnectionError, TimeoutError

    if isinstance(error, AuthenticationError):
        return "it refuses the user or the password"
    if isinstance(error, TimeoutError):
        return f"no answer within {_TIMEOUT:g} s"
    cause = error.__context__ or error
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    if isinstance(error, ConnectionError):
        return "it ends the connection"
    return f"it answers with {type(error).__name__}"
