"""What `sessile.flask.Sessile` promises, seen from outside, through each kind of store."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from conftest import ListingShelf, RedisServer, Shelf
from flask import Flask, abort, flash, get_flashed_messages, jsonify, request, session

from sessile.exceptions import ConfigError, SessionEnded, StoreError, UnencodableError
from sessile.flask import Sessile
from sessile.stores import Memory


def shop(store, **config):  # type: ignore[no-untyped-def]
    app = Flask("shop")
    app.config.update(SESSION_DEVELOPMENT=True, SECRET_KEY="nobody's business", **config)
    sessions = Sessile(app, store=store)
    app.gates = {}  # type: ignore[attr-defined]

    @app.get("/set/<key>/<value>")
    def put(key, value):  # type: ignore[no-untyped-def]
        session.get(key)
        gate = app.gates.get(request.args.get("gate"))  # type: ignore[attr-defined]
        if gate is not None:
            gate.wait(timeout=30)
        session[key] = value
        return "set"

    @app.get("/all")
    def everything():  # type: ignore[no-untyped-def]
        seen = dict(session)
        gate = app.gates.get(request.args.get("gate"))  # type: ignore[attr-defined]
        if gate is not None:
            gate.wait(timeout=30)
        return jsonify(seen)

    @app.get("/untouched")
    def untouched():  # type: ignore[no-untyped-def]
        return "hello"

    @app.get("/login/<user>")
    def login(user):  # type: ignore[no-untyped-def]
        session.log_in(user)
        return "in"

    @app.get("/logout")
    def logout():  # type: ignore[no-untyped-def]
        session.flush()
        return "out"

    @app.get("/slow/<key>")
    def slow(key):  # type: ignore[no-untyped-def]
        session[key] = 1
        app.gates["begun"].set()  # type: ignore[attr-defined]
        app.gates["go"].wait(timeout=30)  # type: ignore[attr-defined]
        return "saved"

    @app.get("/rotate-then-fail")
    def rotate():  # type: ignore[no-untyped-def]
        session.cycle_id()
        abort(500)

    @app.get("/flash/<text>")
    def say(text):  # type: ignore[no-untyped-def]
        session.get("x")
        gate = app.gates.get(request.args.get("gate"))  # type: ignore[attr-defined]
        if gate is not None:
            gate.wait(timeout=30)
        flash(text)
        return "said"

    @app.get("/flashed")
    def flashed():  # type: ignore[no-untyped-def]
        return jsonify(get_flashed_messages())

    @app.get("/devices")
    def devices():  # type: ignore[no-untyped-def]
        return jsonify([it.handle for it in sessions.of(session.subject)])

    @app.get("/end-others")
    def end_others():  # type: ignore[no-untyped-def]
        return str(sessions.end_others())

    @app.get("/bad")
    def bad():  # type: ignore[no-untyped-def]
        session["lock"] = threading.Lock()
        return "never"

    @app.get("/nested")
    def nested():  # type: ignore[no-untyped-def]
        session["cart"].append("pear")
        session.modified = "mark" in request.args
        return "appended"

    @app.get("/nested-beside")
    def nested_beside():  # type: ignore[no-untyped-def]
        session["cart"].append("plum")
        session["n"] = 1
        return "appended"

    @app.get("/cart")
    def cart():  # type: ignore[no-untyped-def]
        session["cart"] = ["apple"]
        return "new cart"

    return app


def cookie_of(response):  # type: ignore[no-untyped-def]
    return response.headers.get("Set-Cookie", "").partition(";")[0]


def at_once(app, cookie, paths):  # type: ignore[no-untyped-def]
    """Requests that all have read their session before any of them writes."""
    app.gates["all"] = threading.Barrier(len(paths))

    def one(path):  # type: ignore[no-untyped-def]
        client = app.test_client(use_cookies=False)
        return client.get(path, query_string={"gate": "all"}, headers={"Cookie": cookie})

    with ThreadPoolExecutor(len(paths)) as pool:
        return list(pool.map(one, paths))


def seen(app, cookie):  # type: ignore[no-untyped-def]
    return app.test_client(use_cookies=False).get("/all", headers={"Cookie": cookie}).json


def test_requests_at_once_keep_all_their_keys(store) -> None:  # type: ignore[no-untyped-def]
    app = shop(store)
    for _ in range(25):
        cookie = cookie_of(app.test_client().get("/set/first/1"))
        replies = at_once(app, cookie, [f"/set/k{n}/{n}" for n in range(8)])
        assert {reply.status_code for reply in replies} == {200}
        assert seen(app, cookie) == {"first": "1"} | {f"k{n}": str(n) for n in range(8)}


def test_a_reader_erases_nothing(store) -> None:  # type: ignore[no-untyped-def]
    app = shop(store)
    cookie = cookie_of(app.test_client().get("/set/a/1"))
    replies = at_once(app, cookie, ["/all", "/set/b/2", "/all"])
    assert {reply.status_code for reply in replies} == {200}
    assert seen(app, cookie) == {"a": "1", "b": "2"}


def test_a_late_save_revives_no_logout(store) -> None:  # type: ignore[no-untyped-def]
    app = shop(store)
    client = app.test_client()
    cookie = cookie_of(client.get("/set/a/1"))
    app.gates.update(begun=threading.Event(), go=threading.Event())
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(
            lambda: app.test_client(use_cookies=False).get("/slow/b", headers={"Cookie": cookie})
        )
        assert app.gates["begun"].wait(timeout=30)
        assert client.get("/logout").status_code == 200
        app.gates["go"].set()
        reply = late.result(timeout=30)
    assert reply.status_code == 409
    assert b"saved" not in reply.data
    assert seen(app, cookie) == {}


def test_a_new_id_and_then_an_error_lose_nothing(store) -> None:  # type: ignore[no-untyped-def]
    app = shop(store)
    client = app.test_client()
    client.get("/set/a/1")
    assert client.get("/rotate-then-fail").status_code == 500
    assert client.get("/all").json == {"a": "1"}


def test_messages_flashed_at_once_are_all_shown(store) -> None:  # type: ignore[no-untyped-def]
    app = shop(store)
    cookie = cookie_of(app.test_client().get("/set/a/1"))
    at_once(app, cookie, ["/flash/one", "/flash/two"])
    shown = app.test_client(use_cookies=False).get("/flashed", headers={"Cookie": cookie})
    assert sorted(shown.json) == ["one", "two"]
    again = app.test_client(use_cookies=False).get("/flashed", headers={"Cookie": cookie})
    assert again.json == []


def test_sessions_of_a_user_are_listed_and_ended(store) -> None:  # type: ignore[no-untyped-def]
    app = shop(store)
    user = f"user-{id(store)}"
    phone, laptop = app.test_client(), app.test_client()
    for client in (phone, laptop):
        client.get("/set/a/1")
        client.get(f"/login/{user}")
    assert len(phone.get("/devices").json) == 2
    assert phone.get("/end-others").text == "1"
    assert laptop.get("/all").json == {}
    assert phone.get("/all").json == {"a": "1"}
    with app.app_context():
        sessions = app.extensions["sessile"]
        (info,) = sessions.of(user)
        assert info.subject == user and info.data == {"a": "1"} and info.created is not None
        assert not sessions.end(user, "no such handle")
        assert sessions.end(user, info.handle)
        assert sessions.end_all(user) == 0
    assert phone.get("/all").json == {}


def test_logging_in_changes_the_id_and_the_old_one_is_dead(store) -> None:  # type: ignore[no-untyped-def]
    app = shop(store)
    client = app.test_client()
    before = cookie_of(client.get("/set/a/1"))
    after = cookie_of(client.get("/login/ada"))
    assert after and after != before
    assert seen(app, before) == {}
    assert seen(app, after) == {"a": "1"}


def test_a_change_inside_a_value_is_saved_when_it_is_said(store) -> None:  # type: ignore[no-untyped-def]
    app = shop(store)
    client = app.test_client()
    client.get("/cart")
    client.get("/nested")
    assert client.get("/all").json == {"cart": ["apple"]}
    client.get("/nested?mark=1")
    assert client.get("/all").json == {"cart": ["apple", "pear"]}


def test_trips_to_the_store() -> None:
    shelf = Shelf()
    app = shop(shelf)
    client = app.test_client()

    def trips(path):  # type: ignore[no-untyped-def]
        shelf.asked.clear()
        assert client.get(path).status_code == 200
        return shelf.asked

    assert trips("/set/a/1") == ["put_if"]
    assert trips("/untouched") == []
    assert trips("/all") == ["get"]
    assert trips("/set/b/1") == ["get", "put_if"]


@pytest.mark.parametrize("by", ["address", "client"])
def test_trips_to_redis(redis_server: RedisServer, by: str) -> None:
    import redis

    store = redis_server.url if by == "address" else redis.Redis(port=redis_server.port)
    app = shop(store)
    client = app.test_client()
    client.get("/set/a/1")
    # The first change brings the script over.
    client.get("/set/a/2")

    def trips(path):  # type: ignore[no-untyped-def]
        with redis_server.watched() as asked:
            assert client.get(path).status_code == 200
        return len(asked)

    assert trips("/untouched") == 0
    assert trips("/all") == 1
    assert trips("/set/b/1") == 2


def test_an_untouched_request_says_nothing_of_sessions() -> None:
    app = shop(Memory())
    client = app.test_client()
    client.get("/set/a/1")
    reply = client.get("/untouched")
    assert "Vary" not in reply.headers and "Set-Cookie" not in reply.headers
    reply = client.get("/all")
    assert reply.headers["Vary"] == "Cookie"


def test_a_store_that_fails_is_503_and_the_cookie_stays() -> None:
    shelf = Shelf()
    app = shop(shelf)
    client = app.test_client()
    client.get("/set/a/1")
    shelf.down = True
    for path in ("/all", "/set/b/2"):
        reply = client.get(path)
        assert reply.status_code == 503
        assert "Set-Cookie" not in reply.headers
        assert b"secret" not in reply.data
    assert client.get("/untouched").status_code == 200
    shelf.down = False
    assert client.get("/all").json == {"a": "1"}


def test_a_save_that_fails_is_503_and_the_response_is_not_sent() -> None:
    shelf = Shelf()
    app = shop(shelf)
    client = app.test_client()
    client.get("/set/a/1")
    app.gates.update(begun=threading.Event(), go=threading.Event())
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(client.get, "/slow/b")
        assert app.gates["begun"].wait(timeout=30)
        shelf.down = True
        app.gates["go"].set()
        answered = reply.result(timeout=30)
    assert answered.status_code == 503 and b"saved" not in answered.data
    assert "Set-Cookie" not in answered.headers


def test_redis_going_down_is_503_and_the_cookie_stays() -> None:
    import redis

    server = RedisServer()
    try:
        stores = [server.url, redis.Redis(port=server.port, socket_connect_timeout=2)]
        clients = [shop(store, SESSION_STORE_TIMEOUT=3).test_client() for store in stores]
        for client in clients:
            assert client.get("/set/a/1").status_code == 200
        server.stop()
        for client in clients:
            reply = client.get("/all")
            assert reply.status_code == 503 and "Set-Cookie" not in reply.headers
            assert client.get("/untouched").status_code == 200
        server.start()
        for client in clients:
            assert client.get("/set/b/1").status_code == 200
    finally:
        server.stop()


def test_an_application_answers_failures_itself() -> None:
    shelf = Shelf()
    app = shop(shelf)
    app.register_error_handler(StoreError, lambda error: ("our own page", 503))
    client = app.test_client()
    client.get("/set/a/1")
    shelf.down = True
    reply = client.get("/all")
    assert (reply.status_code, reply.text) == (503, "our own page")
    ended = shop(Memory())
    ended.register_error_handler(SessionEnded, lambda error: ("log in again", 409))
    client = ended.test_client()
    cookie = cookie_of(client.get("/set/a/1"))
    ended.gates.update(begun=threading.Event(), go=threading.Event())
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(
            lambda: ended.test_client(use_cookies=False).get("/slow/b", headers={"Cookie": cookie})
        )
        assert ended.gates["begun"].wait(timeout=30)
        client.get("/logout")
        ended.gates["go"].set()
        assert late.result(timeout=30).text == "log in again"


def test_a_value_that_cannot_be_stored_names_its_key() -> None:
    app = shop(Memory())
    met = []
    app.register_error_handler(UnencodableError, lambda error: (met.append(error), ("no", 500))[1])
    reply = app.test_client().get("/bad")
    assert reply.status_code == 500 and b"never" not in reply.data
    assert met[0].key == "lock" and "lock" in str(met[0])


def test_flask_settings_are_read() -> None:
    app = shop(Memory(), SESSION_COOKIE_NAME="sid", PERMANENT_SESSION_LIFETIME=timedelta(days=2))
    assert cookie_of(app.test_client().get("/set/a/1")).startswith("sid=")
    with pytest.raises(ConfigError, match="SESSION_IDLE_TIMEOUT"):
        shop(Memory(), SESSION_IDLE_TIMEOUT="soon")
    with pytest.raises(ConfigError, match="get, put_if and delete_if"):
        shop(object())


def test_flask_session_transaction_works() -> None:
    app = shop(Memory())
    client = app.test_client()
    with client.session_transaction() as opened:
        opened["a"] = 1
    assert client.get("/all").json == {"a": 1}


def test_a_users_store_that_returns_nonsense_is_named() -> None:
    class Odd(ListingShelf):
        def get(self, key):  # type: ignore[no-untyped-def]
            return "text"

    app = shop(Odd())
    app.testing = True
    client = app.test_client()
    client.get("/set/a/1")
    with pytest.raises(TypeError, match="get must return bytes or None, not str"):
        client.get("/all")
