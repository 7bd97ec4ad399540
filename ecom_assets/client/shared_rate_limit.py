"""The rate limit of a shop that all runs on all machines share, kept in the broker that ECOM_BROKER names.

The broker speaks the protocol of Redis, as Valkey does. Only its clock counts. Without the variable each run has a rate
limit of its own, and the broker's client need not be installed.
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
"""The environment variable that holds the broker's address; a secret, as the address may hold a password."""

_TIMEOUT = 5.0
"""Seconds that the broker may take to be reached, and to answer."""

_RETRIES = 3
"""How often an unreachable broker is asked again, over about two seconds: it may be restarting."""

_KEY = "ecom_assets:pace:{}"
"""The broker's key for a shop's name. Runs of older releases share it, so it keeps its name."""

_MICRO = 1_000_000

# times are whole microseconds since 1970 by the broker's clock, which a double holds to the last digit
_READ_TIMES = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local known = redis.call('HMGET', KEYS[1], 'turn', 'resume')
local next_turn, pause_end = tonumber(known[1]) or 0, tonumber(known[2]) or 0
"""
_TAKE_TURN = f"""{_READ_TIMES}
local pause_left = math.max(pause_end - now, 0)
local delay = math.max(next_turn - now, pause_left)
if delay <= 0 then
    redis.call('HSET', KEYS[1], 'turn', string.format('%.0f', now + ARGV[1]))
end
return {{pause_left, delay}}
"""
_PAUSE = f"""{_READ_TIMES}
redis.call('HSET', KEYS[1], 'resume', string.format('%.0f', math.max(pause_end, now + ARGV[1])))
"""


def rate_limit_of(name: str, per_second: float | None, environ: Mapping[str, str] = os.environ) -> RateLimit:
    """Return a shop's rate limit: shared by all runs where a broker is configured, else one of this run.

    Args:
        name: The shop's name.
        per_second: Requests per second; None sets no limit.
        environ: Where ECOM_BROKER is looked up.

    Raises:
        BrokerError: The broker's address is wrong, or the broker does not answer.
    """
    url = environ.get(VARIABLE)
    return SharedRateLimit(name, per_second, url) if url else RateLimit(per_second)


class SharedRateLimit(RateLimit):
    """A rate limit that is kept in the broker, under the shop's name.

    A turn is only taken once it has come, so a killed process leaves no turn unused. Every method raises BrokerError
    when the broker does not answer, and from then on: without the broker no request may leave.
    """

    def __init__(self, name: str, per_second: float | None, url: str) -> None:
        """Connect to the broker at `url`; raises BrokerError when it does not answer."""
        super().__init__(per_second)
        self._name = name
        self._broker_address = _host_and_port(url)
        self._failure = ""
        client = _redis_client(url)
        self._ask_broker(client.ping)
        keys = [_KEY.format(name)]
        self._take_script = partial(
            client.register_script(_TAKE_TURN), keys, [round(self._interval * _MICRO)]
        )
        self._pause_script = partial(client.register_script(_PAUSE), keys)

    def pause(self, seconds: float) -> None:
        """Let no request of any run leave for so long; a pause that ends later stays as it is."""
        self._ask_broker(partial(self._pause_script, [round(seconds * _MICRO)]))

    def _take_turn(self) -> tuple[float, float]:
        pause_left, delay = self._ask_broker(self._take_script)
        return pause_left / _MICRO, delay / _MICRO

    def _ask_broker(self, question: Callable[[], Any]) -> Any:
        """Return what the broker answers; raises BrokerError with its host and a reason in our own words.

        The error is raised outside of the except clause, so that nothing that knows the password stays attached.
        """
        from redis import RedisError

        # once one worker has found the broker gone, the workers behind it do not wait for it one after the other
        if not self._failure:
            try:
                return question()
            except (RedisError, OSError) as error:
                self._failure = _failure_reason(error)
            except TypeError:  # for an option in the address that the client does not know
                self._failure = "its address has an unknown option"
        raise BrokerError(
            f"{VARIABLE}: the broker at {self._broker_address} cannot be asked "
            f"for the rate limit of {self._name!r}: {self._failure}"
        )


def _host_and_port(url: str) -> str:
    """Return host and port of an address; raises BrokerError, without quoting it, for one that is no broker's."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 6379
    except ValueError:
        pass
    else:
        # a later @ means that a special character of the password has cut the password in two
        if host and parts.scheme in ("redis", "rediss") and "@" not in url.partition(parts.netloc)[2]:
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    raise _address_error()


def _redis_client(url: str) -> Redis:
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
    except ValueError:  # its text may quote a part of the address
        pass
    raise _address_error()


def _address_error() -> BrokerError:
    return BrokerError(
        f"{VARIABLE}: found something else than a broker's address (not shown, it may hold a password); "
        "allowed: redis://… or rediss://…, with the special characters of a password percent-encoded"
    )


def _failure_reason(error: Exception) -> str:
    """Return why the broker did not answer, in words that quote neither the broker nor its address."""
    from redis import AuthenticationError, ConnectionError, TimeoutError

    if isinstance(error, AuthenticationError):
        return "it refuses the user or the password"
    if isinstance(error, TimeoutError):
        return f"no answer within {_TIMEOUT:g} s"
    cause = error.__context__ or error
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    if isinstance(error, ConnectionError):
        return "it closed the connection"
    return f"it answers with {type(error).__name__}"
