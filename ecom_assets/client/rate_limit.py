"""When the next request to a shop may leave: its budget, and the pauses that the API asks for.

All workers of a run share one pace; `shared_pace` keeps one for all runs. How long a single request waits before
it is tried again is `signing`'s.
"""

from __future__ import annotations

import threading
from time import monotonic, sleep


class RateLimit:
    """Lets requests leave one by one: at most `per_second` of them in a second, and none during a pause.

    Time that was not used is not saved up. None as `per_second` sets no budget; pauses hold all the same.
    """

    def __init__(self, per_second: float | None = None) -> None:
        """Start with nothing spent."""
        self._queue = threading.Lock()
        self._pauses = threading.Lock()
        self._interval = 1 / per_second if per_second else 0.0
        self._turn = 0.0
        self._resume = 0.0

    def wait(self, longest: float) -> float:
        """Return 0 when the next request may leave, or at once the seconds left of a pause beyond `longest`."""
        with self._queue:  # one looks at the clock, the others stand behind it
            while True:
                left, late = self._take()
                if left > longest:
                    return left
                if late <= 0:
                    return 0.0
                sleep(late)

    def pause(self, seconds: float) -> None:
        """Let nothing leave for so long; a pause that ends later stays as it is."""
        with self._pauses:
            self._resume = max(self._resume, monotonic() + seconds)

    def _take(self) -> tuple[float, float]:
        """Return the seconds left of a pause, and those until the next turn, which is taken if there are none."""
        now = monotonic()
        left = self._resume - now
        late = max(left, self._turn - now)
        if late <= 0:
            self._turn = now + self._interval
        return left, late
