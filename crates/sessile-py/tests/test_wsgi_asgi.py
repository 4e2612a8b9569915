"""What `sessile.wsgi.Sessions` and `sessile.asgi.Sessions` promise, seen from outside."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import AsyncShelf, ListingShelf, RedisServer, Shelf, make_store

from sessile.asgi import Sessions as AsgiSessions
from sessile.exceptions import ConfigError, SessileError
from sessile.stores import Memory
from sessile.wsgi import Sessions as WsgiSessions

DEVELOPMENT = {"SESSION_DEVELOPMENT": True}


# WSGI.


class Site:
    """A plain WSGI application, and a way to ask it."""

    def __init__(self, store) -> None:  # type: ignore[no-untyped-def]
        self.gate: threading.Barrier | None = None
        self.begun, self.go = threading.Event(), threading.Event()
        self.app = WsgiSessions(self.answer, store, DEVELOPMENT)

    def answer(self, environ, start_response):  # type: ignore[no-untyped-def]
        session = environ["sessile.session"]
        path = environ["PATH_INFO"].strip("/").split("/")
        status, text = "200 OK", "done"
        if path[0] == "set":
            session.get("x")
            if self.gate is not None:
                self.gate.wait(timeout=30)
            session[path[1]] = path[2]
        elif path[0] == "all":
            text = repr(dict(session))
        elif path[0] == "out":
            session.flush()
        elif path[0] == "slow":
            session["late"] = 1
            self.begun.set()
            self.go.wait(timeout=30)
        elif path[0] == "rotate":
            session.cycle_id()
            status = "500 Oh"
        elif path[0] == "stream":

            def parts():  # type: ignore[no-untyped-def]
                session["streamed"] = 1
                start_response(status, [("Content-Type", "text/plain")])
                yield b""
                yield b"one "
                yield b"two"

            return parts()
        elif path[0] == "write":
            write = start_response(status, [("Content-Type", "text/plain")])
            session["written"] = 1
            write(b"one ")
            return [b"two"]
        start_response(status, [("Content-Type", "text/plain"), ("Cache-Control", "public")])
        return [text.encode()]

    def get(self, path, cookie=""):  # type: ignore[no-untyped-def]
        sent = {}

        def start_response(status, headers, exc_info=None):  # type: ignore[no-untyped-def]
            sent.update(status=int(status[:3]), headers=headers)
            return lambda data: sent.setdefault("written", []).append(data)

        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "wsgi.url_scheme": "http"}
        if cookie:
            environ["HTTP_COOKIE"] = cookie
        body = b"".join(self.app(environ, start_response))
        sent["body"] = b"".join(sent.get("written", [])) + body
        headers = {name.lower(): value for name, value in sent["headers"]}
        sent["cookie"] = headers.get("set-cookie", "").partition(";")[0]
        sent["fields"] = headers
        return sent


def test_wsgi_requests_at_once_keep_all_their_keys(store) -> None:  # type: ignore[no-untyped-def]
    site = Site(store)
    for _ in range(25):
        site.gate = None
        cookie = site.get("/set/first/1")["cookie"]
        site.gate = threading.Barrier(8)
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda n: site.get(f"/set/k{n}/{n}", cookie), range(8)))
        assert {reply["status"] for reply in replies} == {200}
        expected = {"first": "1"} | {f"k{n}": str(n) for n in range(8)}
        assert eval(site.get("/all", cookie)["body"]) == expected


def test_wsgi_a_late_save_revives_no_logout(store) -> None:  # type: ignore[no-untyped-def]
    site = Site(store)
    cookie = site.get("/set/a/1")["cookie"]
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(site.get, "/slow", cookie)
        assert site.begun.wait(timeout=30)
        site.get("/out", cookie)
        site.go.set()
        reply = late.result(timeout=30)
    assert reply["status"] == 409 and b"done" not in reply["body"]
    assert site.get("/all", cookie)["body"] == b"{}"


def test_wsgi_a_new_id_and_then_an_error_lose_nothing(store) -> None:  # type: ignore[no-untyped-def]
    site = Site(store)
    cookie = site.get("/set/a/1")["cookie"]
    reply = site.get("/rotate", cookie)
    assert reply["status"] == 500
    assert site.get("/all", reply["cookie"] or cookie)["body"] == b"{'a': '1'}"


def test_wsgi_store_down_is_503_and_the_cookie_stays() -> None:
    shelf = Shelf()
    site = Site(shelf)
    cookie = site.get("/set/a/1")["cookie"]
    shelf.down = True
    for path in ("/all", "/set/b/1"):
        reply = site.get(path, cookie)
        assert reply["status"] == 503 and not reply["cookie"]
    assert site.get("/other", cookie)["status"] == 200
    shelf.down = False
    assert site.get("/all", cookie)["body"] == b"{'a': '1'}"


def test_wsgi_changes_until_the_first_bytes_are_saved() -> None:
    site = Site(Memory())
    reply = site.get("/stream")
    assert reply["body"] == b"one two"
    assert site.get("/all", reply["cookie"])["body"] == b"{'streamed': 1}"
    reply = site.get("/write")
    assert reply["body"] == b"one two"
    assert site.get("/all", reply["cookie"])["body"] == b"{'written': 1}"


def test_wsgi_a_response_with_a_session_stays_out_of_caches() -> None:
    site = Site(Memory())
    reply = site.get("/set/a/1")
    assert "no-store" in reply["fields"]["cache-control"]
    assert site.get("/all", reply["cookie"])["fields"]["vary"] == "Cookie"
    assert "vary" not in site.get("/other", reply["cookie"])["fields"]


# ASGI.

ASGI_KINDS = ["memory", "class", "async-class", "redis-address", "redis-asyncio"]


class AsgiSite:
    """A plain ASGI application, and a way to ask it."""

    def __init__(self, store, load="eager") -> None:  # type: ignore[no-untyped-def]
        self.gate: asyncio.Barrier | None = None
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        self.lazy = load == "lazy"
        self.app = AsgiSessions(self.answer, store, DEVELOPMENT, load=load)

    async def answer(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        session = scope["session"]
        path = scope["path"].strip("/").split("/")
        status, text = 200, "done"
        if self.lazy and path[0] in ("set", "all"):
            await session.aload()
        if path[0] == "set":
            if self.gate is not None:
                await self.gate.wait()
            session[path[1]] = path[2]
        elif path[0] in ("all", "unloaded"):
            text = repr(dict(session))
        elif path[0] == "out":
            session.flush()
        elif path[0] == "slow":
            session["late"] = 1
            self.begun.set()
            await self.go.wait()
        elif path[0] == "rotate":
            session.cycle_id()
            status = 500
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": text.encode()})

    async def get(self, path, cookie=""):  # type: ignore[no-untyped-def]
        headers = [(b"cookie", cookie.encode())] if cookie else []
        scope = {"type": "http", "method": "GET", "path": path, "scheme": "http"}
        sent: list[dict] = []  # type: ignore[type-arg]

        async def send(message) -> None:  # type: ignore[no-untyped-def]
            sent.append(message)

        await self.app({**scope, "headers": headers}, None, send)  # type: ignore[arg-type]
        start, *rest = sent
        fields = {name.decode(): value.decode() for name, value in start["headers"]}
        return {
            "status": start["status"],
            "fields": fields,
            "cookie": fields.get("set-cookie", "").partition(";")[0],
            "body": b"".join(message.get("body", b"") for message in rest),
        }


def asgi_store(kind: str, server: RedisServer):  # type: ignore[no-untyped-def]
    if kind == "async-class":
        return AsyncShelf()
    if kind == "redis-asyncio":
        import redis.asyncio

        return redis.asyncio.Redis(port=server.port)
    return make_store(kind, server)


@pytest.mark.parametrize("kind", ASGI_KINDS)
def test_asgi_keeps_every_key_revives_nothing_and_rotates(kind: str, redis_server) -> None:  # type: ignore[no-untyped-def]
    async def main() -> None:
        site = AsgiSite(asgi_store(kind, redis_server))
        for _ in range(25):
            site.gate = None
            cookie = (await site.get("/set/first/1"))["cookie"]
            # Each has read its session before any of them writes.
            site.gate = asyncio.Barrier(8)
            replies = await asyncio.gather(*(site.get(f"/set/k{n}/{n}", cookie) for n in range(8)))
            assert {reply["status"] for reply in replies} == {200}
            expected = {"first": "1"} | {f"k{n}": str(n) for n in range(8)}
            assert eval((await site.get("/all", cookie))["body"]) == expected
        late = asyncio.create_task(site.get("/slow", cookie))
        await site.begun.wait()
        await site.get("/out", cookie)
        site.go.set()
        reply = await late
        assert reply["status"] == 409 and b"done" not in reply["body"]
        assert (await site.get("/all", cookie))["body"] == b"{}"
        site.gate = None
        cookie = (await site.get("/set/a/1"))["cookie"]
        reply = await site.get("/rotate", cookie)
        assert reply["status"] == 500
        found = await site.get("/all", reply["cookie"] or cookie)
        assert found["body"] == b"{'a': '1'}"

    asyncio.run(main())


@pytest.mark.parametrize("shelf", [Shelf(), AsyncShelf()], ids=["sync", "async"])
def test_asgi_store_down_is_503_and_the_cookie_stays(shelf) -> None:  # type: ignore[no-untyped-def]
    async def main() -> None:
        site = AsgiSite(shelf)
        cookie = (await site.get("/set/a/1"))["cookie"]
        shelf.down = True
        reply = await site.get("/all", cookie)
        assert reply["status"] == 503 and not reply["cookie"]
        # Who brings no credential costs the store nothing.
        assert (await site.get("/other"))["status"] == 200
        shelf.down = False
        assert (await site.get("/all", cookie))["body"] == b"{'a': '1'}"

    asyncio.run(main())


def test_asgi_lazy_costs_nothing_until_it_is_awaited() -> None:
    async def main() -> None:
        shelf = AsyncShelf()
        site = AsgiSite(shelf, load="lazy")
        cookie = (await site.get("/set/a/1"))["cookie"]
        shelf.asked.clear()
        assert "vary" not in (await site.get("/other", cookie))["fields"]
        assert shelf.asked == []
        assert (await site.get("/all", cookie))["body"] == b"{'a': '1'}"
        assert shelf.asked == ["get"]
        assert (await site.get("/unloaded", cookie))["status"] == 500

    asyncio.run(main())


def test_a_store_that_never_answers_is_given_up_in_asyncio() -> None:
    class Stuck(AsyncShelf):
        async def get(self, key):  # type: ignore[no-untyped-def]
            await asyncio.Event().wait()

    async def main() -> None:
        site = AsgiSite(Stuck())
        site.app = AsgiSessions(
            site.answer, Stuck(), {**DEVELOPMENT, "SESSION_STORE_TIMEOUT": 0.2}
        )
        cookie = (await site.get("/set/a/1"))["cookie"]
        assert (await site.get("/all", cookie))["status"] == 503

    asyncio.run(main())


def test_a_websocket_reads_its_session_and_cannot_change_it() -> None:
    async def main() -> None:
        store = Memory()
        cookie = (await AsgiSite(store).get("/set/a/1"))["cookie"]
        seen = []

        async def chat(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
            seen.append(dict(scope["session"]))
            with pytest.raises(SessileError, match="WebSocket"):
                scope["session"]["b"] = 1

        scope = {"type": "websocket", "path": "/", "headers": [(b"cookie", cookie.encode())]}
        await AsgiSessions(chat, store, DEVELOPMENT)(scope, None, None)  # type: ignore[arg-type]
        assert seen == [{"a": "1"}]

    asyncio.run(main())


def test_an_asynchronous_store_is_refused_where_nothing_awaits() -> None:
    site = Site(AsyncShelf())
    with pytest.raises(ConfigError, match="asynchronous"):
        site.app.sessions.of("ada")
    with pytest.raises(ConfigError, match="some are coroutines"):

        class Mixed(ListingShelf):
            async def get(self, key):  # type: ignore[no-untyped-def,override]
                return None

        WsgiSessions(site.answer, Mixed())
