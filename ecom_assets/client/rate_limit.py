"""The rate limit of a shop: when the next request may leave, and the pauses that the API asks for (Retry-After).

All workers of a run share one rate limit. See `ecom_assets.client.shared_rate_limit` for one that all runs share, and
`ecom_assets.client.retry_wait` for how long a single request waits before it is sent again.
"""

from __future__ import annotations

import threading
from time import monotonic, sleep


class RateLimit:
    """Lets requests leave one by one: at most `per_second` of them in a second, and none during a pause.

    Unused time is not saved up. With None as `per_second` only pauses hold requests back.
    """

    def __init__(self, per_second: float | None = None) -> None:
        """Start with nothing used and no pause."""
        self._queue = threading.Lock()
        self._pause_lock = threading.Lock()
        self._interval = 1 / per_second if per_second else 0.0
        # both are times of the monotonic clock
        self._next_turn = 0.0
        self._pause_end = 0.0

    def wait(self, longest_pause: float) -> float:
        """Return 0 when the next request may leave.

        Args:
            longest_pause: Seconds. When more than that is left of a pause, the seconds left are returned at once.
        """
        with self._queue:  # one worker looks at the clock, the others queue behind it
            while True:
                pause_left, delay = self._take_turn()
                if pause_left > longest_pause:
                    return pause_left
                if delay <= 0:
                    return 0.0
                sleep(delay)

    def pause(self, seconds: float) -> None:
        """Let no request leave for so long; a pause that ends later stays as it is."""
        with self._pause_lock:
            self._pause_end = max(self._pause_end, monotonic() + seconds)

    def _take_turn(self) -> tuple[float, float]:
        """Return the seconds left of a pause and the seconds until the next turn; take the turn if that is now."""
        now = monotonic()
        pause_left = self._pause_end - now
        delay = max(pause_left, self._next_turn - now)
        if delay <= 0:
            self._next_turn = now + self._interval
        return pause_left, delay
