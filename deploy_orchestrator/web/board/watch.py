"""The newest overview, looked at again every few seconds for all who have the board open."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from starlette.concurrency import run_in_threadpool

from deploy_orchestrator.errors import OrchestratorError
from deploy_orchestrator.pipeline import Overview

_REST: Final = 4
_LOG: Final = logging.getLogger(__name__)
_NOTHING: Final = Overview(datetime.min.replace(tzinfo=UTC), "", (), (), ())


@dataclass(slots=True)
class Watch:
    """Calls `look` every `seconds`, or less often, so that it takes no more than a fifth of the time. What is
    new is given to whoever `prepares`, in the look's own thread, before anybody hears of it. Where a look
    fails `trouble` says why, beside the last that did not; `failures` counts by kind of error.
    """

    look: Callable[[], Overview]
    seconds: float = 3.0
    overview: Overview = _NOTHING
    trouble: str = ""
    version: int = 0
    took: float = 0.0
    failures: Counter[str] = field(default_factory=Counter[str])
    prepares: Callable[[Overview], None] = lambda _: None
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Looks once, and goes on looking until this ends."""
        await self._once()
        task = asyncio.create_task(self._forever())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @property
    def has_looked(self) -> bool:
        """Whether there is anything to see."""
        return self.overview is not _NOTHING

    async def after(self, version: int) -> int:
        """The version of what there is to see, when it is another than `version`."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.version != version)
            return self.version

    async def _forever(self) -> None:
        while True:
            await asyncio.sleep(max(self.seconds, _REST * self.took))
            await self._once()

    def _seen(self) -> tuple[Overview, bool]:
        """What is seen, with all that is counted of it, and whether that is anything else than before: nobody
        who asks for a page waits for any of it.
        """
        overview = self.look()
        _ = overview.attention, overview.live, overview.broken, overview.awaiting
        is_new = replace(overview, at=self.overview.at) != self.overview
        if is_new:
            self.prepares(overview)
        return overview, is_new

    async def _once(self) -> None:
        trouble, overview, is_new, began = "", self.overview, False, time.monotonic()
        try:
            overview, is_new = await run_in_threadpool(self._seen)
        except OrchestratorError as error:
            trouble = str(error)
            self.failures[type(error).__name__] += 1
        except Exception as error:
            _LOG.exception("a look failed")
            self.failures[type(error).__name__] += 1
            trouble = f"a look failed, see the server's log: {type(error).__name__}"
        told = is_new or trouble != self.trouble
        self.overview, self.trouble, self.took = overview, trouble, time.monotonic() - began
        if told:
            async with self._changed:
                self.version += 1
                self._changed.notify_all()
