"""Runs the blocking calls to AWS beside the event loop of the sender and the reporter."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_WORKERS = 8  # more than a drain has calls under way at once
_executor = ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="aws")


async def in_thread[**P, T](call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of `call`, which must be safe to run beside others (what talks to AWS is)."""
    return await asyncio.get_running_loop().run_in_executor(_executor, lambda: call(*args, **kwargs))
