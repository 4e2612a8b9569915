"""`sessile.starlette` beside Starlette's own middleware, and the vectors of that family."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from sessile.starlette import SessionMiddleware
from starlette.middleware.sessions import SessionMiddleware as Original
from test_vectors import plain


def cases() -> list[Any]:
    beside = Path(__file__).resolve().parents[3] / "../shared/vectors"
    file = Path(os.environ.get("SESSILE_VECTORS", beside)) / "starlette.json"
    if not file.is_file():
        missing = pytest.mark.skip(reason=f"there is no {file.name} in $SESSILE_VECTORS")
        return [pytest.param(None, marks=missing, id="none")]
    return [pytest.param(it, id=it["id"]) for it in json.loads(file.read_text())["cases"]]


def answered(kind: Any, given: dict[str, Any]) -> dict[str, Any]:
    """What a request whose handler does `script` saw, and its headers."""
    seen: dict[str, Any] = {}
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        session = scope["session"]
        seen.update(session)
        for step, *args in given["script"]:
            if step == "set":
                session[args[0]] = args[1]
            else:
                getattr(session, step)(*args)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    cookie = given["cookie"]
    headers = [] if cookie is None else [(b"cookie", f"session={cookie}".encode())]
    scope = {"type": "http", "headers": headers}
    asyncio.run(kind(app, **given["options"])(scope, None, send))
    fields = [(name.decode().lower(), value.decode()) for name, value in sent[0]["headers"]]
    return {
        "seen": seen,
        "set_cookie": [value for name, value in fields if name == "set-cookie"],
        "vary": [value for name, value in fields if name == "vary"],
    }


@pytest.mark.parametrize("case", cases())
def test_a_vector_comes_out_as_starlette_made_it(
    case: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: float(case["in"]["now"]))
    if "error" in case["out"]:
        with pytest.raises(Exception) as raised:
            answered(SessionMiddleware, case["in"])
        assert type(raised.value).__name__ == case["out"]["error"]
        return
    expected = case["out"]["ok"]
    expected["seen"] = plain(expected["seen"])
    assert answered(SessionMiddleware, case["in"]) == expected


@pytest.mark.parametrize("script", [
    [["set", "b", 2]], [["clear"]], [["pop", "a"]], [["pop", "x", None]], [["popitem"]],
    [["setdefault", "a", 3]], [["setdefault", "x", 3]], [["update", {"a": "ü"}]],
    [["__ior__", {"b": 1}]], [["__delitem__", "a"]], [["mark_accessed"]], [],
], ids=str)  # fmt: skip
@pytest.mark.parametrize("options", [
    {}, {"max_age": None}, {"https_only": True, "domain": "a.test", "partitioned": True},
    {"path": "/x", "same_site": "none"},
], ids=str)  # fmt: skip
def test_it_answers_as_starlette_does_and_reads_its_cookies(
    script: list[Any], options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_767_323_045.0)
    options = {"secret_key": "a key", **options}
    written = []
    for kind in (Original, SessionMiddleware):
        given = {"options": options, "script": [["set", "a", 1]], "cookie": None}
        written.append(answered(kind, given))
    assert written[0] == written[1]
    cookie = written[0]["set_cookie"][0].partition(";")[0].removeprefix("session=")
    given = {"options": options, "script": script, "cookie": cookie}
    theirs = answered(Original, given)
    assert theirs["seen"] == {"a": 1}
    assert answered(SessionMiddleware, given) == theirs
