"""Stores to give as ``store=``, beside an address and a class of your own."""

from __future__ import annotations

from typing import Any

from .._drive import check
from .._sessile import MemoryStore as Memory
from ..exceptions import ConfigError
from .redis import AsyncRedisStore, RedisStore

__all__ = ["AsyncRedisStore", "Memory", "RedisStore", "from_client"]


def from_client(store: Any) -> tuple[Any, Any]:
    """The store to call, and what `sessile._sessile.Engine` is told of it."""
    if store is None or isinstance(store, str):
        return None, None
    if isinstance(store, Memory):
        return store, store
    kinds = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(store).__mro__}
    if ("redis", "RedisCluster") in kinds:
        raise ConfigError(
            "store=RedisCluster(...): a client of a cluster is not taken yet; give its address, "
            "redis+cluster://host:port, or an object with the methods get, put_if and delete_if"
        )
    if ("redis", "Redis") in kinds:
        is_async = ".asyncio" in type(store).__module__ or any(
            ".asyncio" in kind.__module__ for kind in type(store).__mro__
        )
        store = AsyncRedisStore(store) if is_async else RedisStore(store)
    return store, check(store)
