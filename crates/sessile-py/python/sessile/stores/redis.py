"""Sessions through a client of redis-py that the application made: its pool, its Sentinel, its TLS.

The keys are ``sessile:kv:`` and 64 hexadecimal digits. They are not those that sessile writes by
address, so the two do not see each other's sessions.
"""

from __future__ import annotations

from typing import Any

__all__ = ["AsyncRedisStore", "RedisStore"]

#: The first bytes of a value differ from those of every other.
STAMP = 19

PUT = """
if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then return 0 end
if ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3]) end
return 1
"""

DELETE = """
if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""


def _milliseconds(until: float | None) -> int | None:
    return None if until is None else int(until * 1000)


class _Base:
    def __init__(self, client: Any, prefix: str = "sessile:kv:") -> None:
        self.client = client
        self.prefix = prefix
        self._put = client.register_script(PUT)
        self._delete = client.register_script(DELETE)

    def _put_arguments(self, key: str, old: bytes, new: bytes, until: float | None) -> Any:
        end = _milliseconds(until)
        return {"keys": [self.prefix + key], "args": [old[:STAMP], new, "" if end is None else end]}

    def _delete_arguments(self, key: str, old: bytes) -> Any:
        return {"keys": [self.prefix + key], "args": [old[:STAMP]]}

    def _page(self, found: tuple[int, list[bytes]]) -> tuple[list[str], str | None]:
        place, keys = found
        length = len(self.prefix)
        return [key.decode()[length:] for key in keys], (str(place) if place else None)


def _bytes(value: Any) -> bytes | None:
    if isinstance(value, str):
        raise TypeError(
            "sessions are bytes, and this redis client decodes what it reads; give one made without "
            "decode_responses=True"
        )
    return value  # type: ignore[no-any-return]


class RedisStore(_Base):
    """Sessions through a ``redis.Redis``."""

    def get(self, key: str) -> bytes | None:
        return _bytes(self.client.get(self.prefix + key))

    def put_if(self, key: str, old: bytes | None, new: bytes, until: float | None) -> bool:
        if old is None:
            end = _milliseconds(until)
            return bool(self.client.set(self.prefix + key, new, nx=True, pxat=end))
        return bool(self._put(**self._put_arguments(key, old, new, until)))

    def delete_if(self, key: str, old: bytes) -> bool:
        return bool(self._delete(**self._delete_arguments(key, old)))

    def list(self, after: str | None, limit: int) -> tuple[list[str], str | None]:
        place, match = int(after or 0), self.prefix + "*"
        return self._page(self.client.scan(place, match=match, count=limit))


class AsyncRedisStore(_Base):
    """Sessions through a ``redis.asyncio.Redis``."""

    async def get(self, key: str) -> bytes | None:
        return _bytes(await self.client.get(self.prefix + key))

    async def put_if(self, key: str, old: bytes | None, new: bytes, until: float | None) -> bool:
        if old is None:
            end = _milliseconds(until)
            return bool(await self.client.set(self.prefix + key, new, nx=True, pxat=end))
        return bool(await self._put(**self._put_arguments(key, old, new, until)))

    async def delete_if(self, key: str, old: bytes) -> bool:
        return bool(await self._delete(**self._delete_arguments(key, old)))

    async def list(self, after: str | None, limit: int) -> tuple[list[str], str | None]:
        place, match = int(after or 0), self.prefix + "*"
        return self._page(await self.client.scan(place, match=match, count=limit))
