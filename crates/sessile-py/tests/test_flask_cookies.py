"""`sessile.flask.sessions` and `sessile.flask.tag` beside Flask's, and the vectors of these families."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import random
from collections.abc import Callable
from typing import Any

import flask
import flask.sessions
import pytest
from flask.json import tag as flask_tag
from flask_apps import INTERFACES, NOW, application, changed, clock, counted  # noqa: F401
from generated import damaged, outcome, session_value, spelled
from sessile.flask import SecureCookieSessionInterface, TaggedJSONSerializer
from test_vectors import cases, plain

ROUNDS = 1500


# The vectors.


def tagged(operation: str, given: dict[str, Any]) -> Any:
    serializer = TaggedJSONSerializer()
    if operation == "tagged_loads":
        with application().app_context():
            return spelled(serializer.loads(given["text"]))
    value = plain(given["value"])
    if not given["sort_keys"]:
        return serializer.dumps(value)
    with application().app_context():
        return serializer.dumps(value)


@pytest.mark.parametrize("case", cases("flask-tagged-json"))
def test_tagged_json_comes_out_as_flask_made_it(case: dict[str, Any]) -> None:
    expected = case["out"]
    if "error" in expected:
        with pytest.raises(Exception) as raised:
            tagged(case["op"], case["in"])
        assert type(raised.value).__name__ == expected["error"]
        assert expected.get("message") in (None, str(raised.value))
        return
    wanted = plain(expected["ok"])
    found = tagged(case["op"], case["in"])
    assert found == (spelled(wanted) if case["op"] == "tagged_loads" else wanted)


def cookie(operation: str, given: dict[str, Any], at: Callable[[float], None]) -> Any:
    at(given["now"])
    if operation == "flask_open_session":
        app = application(**given["config"])
        fields = {} if given["cookie"] is None else {"Cookie": f"session={given['cookie']}"}
        with app.test_request_context(headers=fields):
            session = app.session_interface.open_session(app, flask.request._get_current_object())
        assert session is None or isinstance(session, flask.sessions.SecureCookieSession)
        return None if session is None else dict(session)
    *fallbacks, key = given["keys"]
    how = {"salt": given["salt"], "key_derivation": given["key_derivation"]}
    digest = staticmethod(getattr(hashlib, given["digest"]))
    interface = changed(SecureCookieSessionInterface, digest_method=digest, **how)
    app = application(interface, SECRET_KEY=key, SECRET_KEY_FALLBACKS=fallbacks)
    assert given["serializer"] == "tagged-json" and given["sort_keys"]
    with app.app_context():
        signing = app.session_interface.get_signing_serializer(app)
        written = signing.dumps(plain(given["value"]))
        original = flask.sessions.SecureCookieSessionInterface.get_signing_serializer
        theirs = original(app.session_interface, app)
        assert spelled(signing.loads(written)) == spelled(theirs.loads(written))
    return written


@pytest.mark.parametrize("case", cases("flask-cookie"))
def test_a_cookie_comes_out_as_flask_made_it(
    case: dict[str, Any], clock: Callable[[float], None]
) -> None:
    expected = case["out"]
    if "error" in expected:
        with pytest.raises(Exception) as raised:
            cookie(case["op"], case["in"], clock)
        assert type(raised.value).__name__ == expected["error"]
        assert expected.get("message") in (None, str(raised.value))
        return
    found = cookie(case["op"], case["in"], clock)
    if case["exact"]:
        assert spelled(found) == spelled(plain(expected["ok"]))


def answered(interface: Any, given: dict[str, Any]) -> dict[str, Any]:
    """What Flask sends for a view that does `script`."""
    app = application(interface, **given["config"])
    app.logger.disabled = True

    @app.get("/")
    def view() -> str:
        session = flask.session
        for step, *args in given["script"]:
            if step == "set":
                session[args[0]] = args[1]
            elif step == "permanent":
                session.permanent = args[0]
            elif step == "mark":
                session.modified = True
            elif step == "nested":
                session[args[0]].append(args[1])
            else:
                getattr(session, step)(*args)
        return ""

    fields = {} if given["cookie"] is None else {"Cookie": f"session={given['cookie']}"}
    address = given["config"].get("APPLICATION_ROOT", "/")
    client = app.test_client(use_cookies=False)
    response = client.get("/", headers=fields, base_url=f"http://localhost{address}")
    return {
        "status": response.status_code,
        "set_cookie": response.headers.getlist("Set-Cookie"),
        "vary": response.headers.get("Vary"),
    }


@pytest.mark.parametrize("case", cases("flask-response"))
def test_a_response_comes_out_as_flask_made_it(
    case: dict[str, Any], clock: Callable[[float], None]
) -> None:
    clock(case["in"]["now"])
    assert answered(SecureCookieSessionInterface, case["in"]) == case["out"]["ok"]


# Beside Flask.


@pytest.mark.parametrize("config", [{}, {"sort_keys": False}, {"ensure_ascii": False}, None])
def test_generated_sessions_come_out_the_same_both_ways(config: dict[str, Any] | None) -> None:
    chance = random.Random(str(config))
    app = application(SECRET_KEY_FALLBACKS=["old"])
    for name, value in (config or {}).items():
        setattr(app.json, name, value)
    mine, theirs = (kind().get_signing_serializer(app) for kind in reversed(INTERFACES))
    with counted("serializer dumps", "serializer loads") as taken:
        # Flask's JSON is another where there is no application.
        with contextlib.nullcontext() if config is None else app.app_context():
            for turn in range(ROUNDS):
                value = {"key": session_value(chance), "other": session_value(chance, 1)}
                written = outcome(theirs.dumps, value)
                assert outcome(mine.dumps, value) == written, turn
                if written[0] == "raised":
                    continue
                signed = theirs.dumps(value)
                bad = damaged(chance, signed)
                for text, age in ((signed, 60), (bad, 60), (bad, None)):
                    found = outcome(mine.loads, text, max_age=age)
                    assert found == outcome(theirs.loads, text, max_age=age), (turn, text)
        rust, _ = taken()
    assert rust == 0 if config == {"ensure_ascii": False} else rust > ROUNDS / 4


@pytest.mark.parametrize("text", [
    "", "null", "[]", "{", '{" t":1}', '{" t":"ab"}', '{" b":"!"}', '{" b":"YQ"}', '{" u":"x"}',
    '{" d":"x"}', '{" d":null}', '{" d":"Thu, 01 Jan 1970 00:00:00"}', '{" m":1}', '{" di":{}}',
    '{" di":1}', '{" di":{" t__":{" t":[1]}}}', '{"a":{" x":[{" t":[]}]}}', "[NaN,1e400,-0.0,1E2]",
    '{"a":1,"a":{" t":[]}}', "[" * 90 + "]" * 90, '"\\ud800"', "123456789012345678901234567890",
], ids=str)  # fmt: skip
def test_what_nobody_wrote_is_read_as_flask_reads_it(text: str) -> None:
    with application().app_context():
        for given in (text, text.encode()):
            theirs = outcome(flask_tag.TaggedJSONSerializer().loads, given)
            assert outcome(TaggedJSONSerializer().loads, given) == theirs


SCRIPTS: list[list[Any]] = [
    [], [["get", "a"]], [["set", "b", [1, {"c": "ü"}]]], [["clear"]], [["permanent", True]],
    [["permanent", True], ["set", "b", "x" * 500]], [["nested", "l", 2]], [["pop", "a"]],
    [["nested", "l", 2], ["mark"]], [["setdefault", "a", 3]], [["update", {"z": None}]],
]  # fmt: skip
CONFIGS: list[dict[str, Any]] = [
    {}, {"SESSION_REFRESH_EACH_REQUEST": False}, {"PERMANENT_SESSION_LIFETIME": 60},
    {"SESSION_COOKIE_PARTITIONED": True, "SESSION_COOKIE_SAMESITE": "None"},
    {"SESSION_COOKIE_DOMAIN": "a.test", "SESSION_COOKIE_SECURE": True, "APPLICATION_ROOT": "/x"},
    {"SESSION_COOKIE_HTTPONLY": False, "SESSION_COOKIE_PATH": "/y", "SECRET_KEY": b"\xff\x00"},
    {"SECRET_KEY": "new", "SECRET_KEY_FALLBACKS": ["other", "dev-secret"]}, {"SECRET_KEY": None},
    {"SECRET_KEY": "new"},
]  # fmt: skip


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_it_answers_as_flask_does_and_reads_its_cookies(config: dict[str, Any]) -> None:
    stored = {"config": {}, "script": [["set", "a", 1], ["set", "l", [1]]], "cookie": None}
    (sent,) = answered(INTERFACES[0], stored)["set_cookie"]
    # With the right key, with another, and none.
    for held in (sent.partition(";")[0].removeprefix("session="), "eyJh.aVc1pQ.bad", None):
        for script in SCRIPTS:
            given = {"config": config, "script": script, "cookie": held}
            theirs, ours = (answered(kind, given) for kind in INTERFACES)
            assert ours == theirs, given


def test_cookies_go_from_flask_to_sessile_and_back() -> None:
    sessions: list[dict[str, Any]] = [
        {"user_id": 42, "name": "ada"},
        {"t": (1, b"\x00\xff"), "when": datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)},
        {"text": "compressed " * 60},
    ]
    for session in sessions:
        clients = [application(kind).test_client() for kind in INTERFACES]
        for writer, reader in (clients, clients[::-1]):
            with writer.session_transaction() as held:
                held.update(session)
            (sent,) = [it.value for it in [writer.get_cookie("session")] if it]
            reader.set_cookie("session", sent)
            with reader.session_transaction() as held:
                assert dict(held) == session


def test_rust_does_it_for_an_application_of_flask() -> None:
    app = application()

    @app.get("/")
    def view() -> str:
        flask.session["n"] = flask.session.get("n", 0) + 1
        return str(flask.session["n"])

    client = app.test_client()
    with counted("serializer dumps", "serializer loads") as taken:
        assert [client.get("/").text for _ in range(5)] == ["1", "2", "3", "4", "5"]
        # The first request brought no cookie.
        assert taken() == (5 + 4, 0)


def test_a_cookie_that_is_wrong_or_too_old_gives_a_new_session(
    clock: Callable[[float], None],
) -> None:
    app = application(PERMANENT_SESSION_LIFETIME=60)
    app.get("/")(lambda: dict(flask.session))
    client = app.test_client()
    with client.session_transaction() as session:
        session["a"] = 1
    assert client.get("/").json == {"a": 1}
    held = client.get_cookie("session")
    assert held is not None
    for wrong in (held.value[:-1], held.value + "x", "x" + held.value, "."):
        client.set_cookie("session", wrong)
        assert client.get("/").json == {}
    client.set_cookie("session", held.value)
    clock(NOW + 61)
    assert client.get("/").json == {}
    # Signed with another key, then with one that is kept for reading.
    clock(NOW)
    app.secret_key = "newer"
    assert client.get("/").json == {}
    app.config["SECRET_KEY_FALLBACKS"] = ["dev-secret"]
    assert client.get("/").json == {"a": 1}


def test_a_payload_that_is_signed_and_unreadable_leaves_open_session_as_in_flask() -> None:
    for kind in INTERFACES:
        app = application(kind)
        app.logger.disabled = True
        app.get("/")(lambda: dict(flask.session))
        signing = app.session_interface.get_signing_serializer(app)
        signed = signing.make_signer().sign(b"not base64!").decode()
        client = app.test_client()
        client.set_cookie("session", signed)
        assert client.get("/").status_code == 500
