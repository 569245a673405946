"""The threads in which steps are run, while the event loop walks over the pipeline."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
Work = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[[], Any]]


class Threads:
    """At most `count` threads, each started when there is work for it, that live until `close`.

    A `ThreadPoolExecutor` hands a result on through two futures and their locks: 6 % of what the executor of pipelines
    takes of the processor for a step.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._waiting: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    async def run(self, work: Callable[[], T]) -> T:
        """Do the work in a thread as soon as one is free; what it returns, or raises."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.put((loop, future, work))
        if len(self._threads) < self._count:
            self._threads.append(threading.Thread(target=self._serve, name="step", daemon=True))
            self._threads[-1].start()
        return await future

    def close(self) -> None:
        """Let the threads end when they are done. Does not wait for them."""
        for _ in self._threads:
            self._waiting.put(None)

    def _serve(self) -> None:
        while waiting := self._waiting.get():
            loop, future, work = waiting
            try:
                result, error = work(), None
            except BaseException as raised:
                result, error = None, raised
            with contextlib.suppress(RuntimeError):  # the loop is closed, since the run met a fault
                loop.call_soon_threadsafe(_tell, future, result, error)


def _tell(future: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
    if future.cancelled():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
