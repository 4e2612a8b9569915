"""Stores to test with: what a user would give, on real servers.

The tests of the Python package are run by `cargo xtask python` on the installed wheel.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest


class Shelf:
    """A user's own store: three methods over a dict, and a list of what was asked."""

    def __init__(self) -> None:
        self.rows: dict[str, bytes] = {}
        self.lock = threading.Lock()
        self.asked: list[str] = []
        self.down = False

    def _ask(self, method: str) -> None:
        self.asked.append(method)
        if self.down:
            raise ConnectionError("secret detail of the store")

    def get(self, key: str) -> bytes | None:
        self._ask("get")
        return self.rows.get(key)

    def put_if(self, key: str, old: bytes | None, new: bytes, until: float | None) -> bool:
        self._ask("put_if")
        with self.lock:
            if self.rows.get(key) != old:
                return False
            self.rows[key] = new
            return True

    def delete_if(self, key: str, old: bytes) -> bool:
        self._ask("delete_if")
        with self.lock:
            if self.rows.get(key) != old:
                return False
            del self.rows[key]
            return True


class ListingShelf(Shelf):
    """A store with the fourth method, so that a user's sessions can be listed."""

    def list(self, after: str | None, limit: int) -> tuple[list[str], str | None]:
        keys = sorted(key for key in self.rows if after is None or key > after)
        page = keys[:limit]
        return page, (page[-1] if len(keys) > limit else None)


class AsyncShelf(ListingShelf):
    """The same in asyncio."""

    async def get(self, key):  # type: ignore[no-untyped-def,override]
        return ListingShelf.get(self, key)

    async def put_if(self, key, old, new, until):  # type: ignore[no-untyped-def,override]
        return ListingShelf.put_if(self, key, old, new, until)

    async def delete_if(self, key, old):  # type: ignore[no-untyped-def,override]
        return ListingShelf.delete_if(self, key, old)

    async def list(self, after, limit):  # type: ignore[no-untyped-def,override]
        return ListingShelf.list(self, after, limit)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RedisServer:
    """A Redis of our own on loopback."""

    def __init__(self) -> None:
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        program = os.environ.get("REDIS_SERVER") or shutil.which("redis-server")
        assert program, "these tests need redis-server: apt-get install redis-server"
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", "/tmp"]
        self.process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("redis-server does not answer")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    @contextlib.contextmanager
    def watched(self) -> Iterator[list[str]]:
        """The commands that clients send meanwhile, but not those that scripts call."""
        import redis

        asked: list[str] = []
        client, marker = redis.Redis(port=self.port), redis.Redis(port=self.port)
        # Connected before, for that is made of commands, too.
        marker.ping()
        with client.monitor() as monitor:
            yield asked
            marker.echo("the end")
            for seen in monitor.listen():
                if seen["command"] == "ECHO the end":
                    break
                if seen["client_type"] != "lua":
                    asked.append(seen["command"])
        client.close()
        marker.close()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.stop()


KINDS = ["memory", "class", "redis-address", "redis-py"]


def make_store(kind: str, server: RedisServer):  # type: ignore[no-untyped-def]
    if kind == "memory":
        from sessile.stores import Memory

        return Memory()
    if kind == "class":
        return ListingShelf()
    if kind == "redis-address":
        return server.url
    import redis

    return redis.Redis(port=server.port)


@pytest.fixture(params=KINDS)
def store(request, redis_server):  # type: ignore[no-untyped-def]
    return make_store(request.param, redis_server)
