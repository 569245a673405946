"""When a record that changes all the time is written: at once, or a moment later where that would take too long."""

import contextlib
import threading
import time
from collections.abc import Callable

# Between two times of writing is at least so many times what the last one took, by the clock and of the processor.
CLOCK, PROCESSOR = 20, 50


class Saver:
    """Calls `write` so that next to nothing of the time is spent in it, and yet soon after each change.

    Without it, a run of n steps would write n times what grows with n. A timer does what comes during a pause; `inv`
    does not end before it.
    """

    def __init__(self, write: Callable[[], None]) -> None:
        self._write = write
        self._lock = threading.RLock()
        self._next = 0.0  # the `time.monotonic()` at which the pause is over
        self._timer: threading.Timer | None = None

    def soon(self) -> None:
        with self._lock:
            wait = self._next - time.monotonic()
            if wait <= 0:
                self.now()
            elif self._timer is None:
                self._timer = threading.Timer(wait, self._late)
                self._timer.start()

    def now(self) -> None:
        with self._lock:
            if self._timer:
                self._timer.cancel()
                self._timer = None
            start, used = time.monotonic(), time.thread_time()
            self._write()
            end = time.monotonic()
            self._next = end + max(CLOCK * (end - start), PROCESSOR * (time.thread_time() - used))

    def _late(self) -> None:
        with self._lock:
            if self._timer:
                with contextlib.suppress(OSError):  # as on a full disk: the next change, and the end, meet it too
                    self.now()
