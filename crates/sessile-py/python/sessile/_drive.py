"""Carries out what a flow of `sessile._sessile` asks for, in a thread or in asyncio.

A store is an object with three methods, all of them plain or all of them coroutines:

``get(key) -> bytes | None``
    The value under a key.
``put_if(key, old, new, until) -> bool``
    Writes ``new`` if the value under the key is ``old``; if there is none, where ``old`` is None.
    Compares and writes in one step. After ``until``, seconds since 1970 or None, the store may
    drop the value. Whether it wrote.
``delete_if(key, old) -> bool``
    Deletes the value if it is ``old``. Whether it did.

With a fourth, ``list(after, limit) -> (keys, next)``, sessions can be listed and ended by user.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import Any

from ._sessile import Flow, MemoryStore
from .exceptions import ConfigError

__all__ = ["arun", "check", "is_async", "run"]

METHODS = ("get", "put_if", "delete_if")


def is_async(store: Any) -> bool:
    """Whether a store's methods are coroutines."""
    return not isinstance(store, MemoryStore) and inspect.iscoroutinefunction(
        getattr(store, "get", None)
    )


def check(store: Any) -> bool:
    """Whether a user's store lists its keys; an error where it is no store."""
    missing = [name for name in METHODS if not callable(getattr(store, name, None))]
    if missing:
        raise ConfigError(
            f"store={type(store).__name__}(...) has no method {missing[0]}; give an address such as "
            "redis://host, a redis.Redis, sessile.stores.Memory(), or an object with the methods "
            "get, put_if and delete_if"
        )
    methods = [getattr(store, name) for name in METHODS]
    if len({inspect.iscoroutinefunction(method) for method in methods}) > 1:
        raise ConfigError(
            f"store={type(store).__name__}(...): of get, put_if and delete_if some are coroutines "
            "and some are not; make all of them one or the other"
        )
    return callable(getattr(store, "list", None))


def run(flow: Flow, store: Any) -> Any:
    """Runs a flow to its end in the calling thread."""
    if flow.is_native:
        flow.block()
        return flow.result()
    if store is not None and is_async(store):
        raise ConfigError(
            f"{type(store).__name__} is an asynchronous store, and this framework is not; give a "
            "synchronous one"
        )
    met: Exception | None = None
    ask = flow.step()
    while ask is not None:
        method, *arguments = ask
        if method == "sleep":
            time.sleep(arguments[0])
            ask = flow.step()
            continue
        try:
            given = getattr(store, method)(*arguments)
        except Exception as error:
            met = error
            ask = flow.fail(type(error).__qualname__, isinstance(error, TimeoutError))
        else:
            ask = flow.step(given)
    return _result(flow, met)


async def arun(flow: Flow, store: Any) -> Any:
    """Runs a flow to its end without holding up the event loop."""
    if flow.is_native:
        await _native(flow)
        return flow.result()
    met: Exception | None = None
    in_loop = store is None or is_async(store)
    ask = flow.step()
    while ask is not None:
        method, *arguments = ask
        if method == "sleep":
            await asyncio.sleep(arguments[0])
            ask = flow.step()
            continue
        try:
            call = getattr(store, method)
            if in_loop:
                given = await asyncio.wait_for(call(*arguments), flow.limit)
            else:
                given = await asyncio.to_thread(call, *arguments)
        except Exception as error:
            met = error
            late = isinstance(error, (TimeoutError, asyncio.TimeoutError))
            ask = flow.fail(type(error).__qualname__, late)
        else:
            ask = flow.step(given)
    return _result(flow, met)


async def _native(flow: Flow) -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def tell() -> None:
        if not done.done():
            done.set_result(None)

    def wake() -> None:
        loop.call_soon_threadsafe(tell)

    flow.start(wake)
    # Whoever is cancelled here no longer waits; what was begun runs to its end.
    await done


def _result(flow: Flow, met: Exception | None) -> Any:
    try:
        return flow.result()
    except Exception as error:
        # What the store raised is shown with it, to developers: it may name keys.
        raise error from met
