"""The programs of docs/python.md, as they stand there."""

from __future__ import annotations

import asyncio
import re
import threading
from pathlib import Path

from conftest import RedisServer

DOCS = Path(__file__).parents[3] / "docs/python.md"
TEXT = DOCS.read_text()
PROGRAMS = dict(re.findall(r"<!-- run: (\w+) -->\n```python\n(.*?)```", TEXT, re.DOTALL))


def program(name: str, url: str) -> dict:  # type: ignore[type-arg]
    code = PROGRAMS[name]
    assert '"redis://localhost"' in code
    names: dict = {"__name__": "docs"}  # type: ignore[type-arg]
    exec(compile(code.replace("redis://localhost", url), str(DOCS), "exec"), names)
    return names


def test_every_program_is_run_here_and_quick_starts_are_short() -> None:
    assert set(PROGRAMS) == {"flask", "wsgi", "asgi", "store", "cookies", "itsdangerous"}
    assert TEXT.count("```python") == len(PROGRAMS)
    for name in ("flask", "wsgi", "asgi"):
        lines = [line for line in PROGRAMS[name].splitlines() if line.strip()]
        assert len(lines) <= 10, name


def test_the_readmes_programs_are_these() -> None:
    readme = (DOCS.parents[1] / "README.md").read_text()
    shown = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert shown == [PROGRAMS["flask"], PROGRAMS["asgi"]]


# The site is asked over TLS, for its cookie is `Secure`.


def test_flask(redis_server: RedisServer) -> None:
    client = program("flask", redis_server.url)["app"].test_client()
    assert client.get("/", base_url="https://localhost").text == "visit number 1"
    assert client.get("/", base_url="https://localhost").text == "visit number 2"


def test_wsgi(redis_server: RedisServer) -> None:
    from werkzeug.test import Client

    client = Client(program("wsgi", redis_server.url)["app"])
    assert client.get("/", base_url="https://localhost").text == "visit number 1"
    assert client.get("/", base_url="https://localhost").text == "visit number 2"


def test_asgi(redis_server: RedisServer) -> None:
    app = program("asgi", redis_server.url)["app"]

    async def get(cookie: str) -> tuple[str, str]:
        sent = []

        async def send(message) -> None:  # type: ignore[no-untyped-def]
            sent.append(message)

        async def receive() -> dict:  # type: ignore[type-arg]
            return {"type": "http.request"}

        scope = {
            "type": "http", "method": "GET", "path": "/", "scheme": "https", "query_string": b"",
            "headers": [(b"cookie", cookie.encode()), (b"host", b"localhost")],
        }
        await app(scope, receive, send)
        headers = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
        return headers.get("set-cookie", "").partition(";")[0], sent[1]["body"].decode()

    async def main() -> None:
        cookie, text = await get("a=b")
        assert text == "visit number 1"
        assert (await get(cookie))[1] == "visit number 2"

    asyncio.run(main())


def test_store() -> None:
    from flask import Flask, session

    from sessile.flask import Sessile

    names: dict = {"threading": threading}  # type: ignore[type-arg]
    exec(PROGRAMS["store"], names)
    app = Flask("shelf")
    app.testing = True
    Sessile(app, store=names["Shelf"]())

    @app.get("/")
    def index():  # type: ignore[no-untyped-def]
        session["visits"] = session.get("visits", 0) + 1
        return str(session["visits"])

    @app.get("/out")
    def out():  # type: ignore[no-untyped-def]
        session.flush()
        return "out"

    client = app.test_client()
    assert [client.get("/").text for _ in range(3)] == ["1", "2", "3"]
    client.get("/out")
    assert client.get("/").text == "1"


def test_cookies() -> None:
    names: dict = {"__name__": "docs"}  # type: ignore[type-arg]
    exec(PROGRAMS["cookies"], names)
    client = names["app"].test_client()
    assert [client.get("/").text for _ in range(2)] == ["visit number 1", "visit number 2"]


def test_itsdangerous() -> None:
    exec(PROGRAMS["itsdangerous"], {})
