"""What the originals make of generated inputs, as cases for the vector runner."""

import contextlib
import datetime
import io
import logging
import pickle
import secrets
import sys
import tempfile
import types
import unittest.mock
import warnings

import flask
from cachelib import FileSystemCache

from typed import typed

NOW = 1767323045
_real = datetime.datetime


class Frozen(_real):
    @classmethod
    def now(cls, tz=None):
        return _real.fromtimestamp(NOW, tz)


@contextlib.contextmanager
def frozen():
    """The clock of the cases, wherever the originals look at one."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(unittest.mock.patch("time.time", lambda: NOW))
        stack.enter_context(unittest.mock.patch("cachelib.file.time", lambda: NOW))
        stack.enter_context(unittest.mock.patch("flask.sessions.datetime", Frozen))
        yield


def pickled(value):
    return pickle.dumps(value, 5)


class Recorded:
    """A memcached or Redis client that notes its calls."""

    def __init__(self, stored):
        self.stored = stored
        self.calls = []

    def get(self, key):
        self.calls.append(["get", key])
        return self.stored.get(key)

    def set(self, name, value, *timeout, ex=None):
        self.calls.append(["set", name, value.hex(), ex if ex is not None else timeout[0]])

    def delete(self, key):
        self.calls.append(["delete", key])


def flask_session_stub():
    """Flask-Session asks for a redis.Redis; any class of that name will do."""
    if "redis" not in sys.modules:
        stub = types.ModuleType("redis")
        stub.Redis = Recorded
        sys.modules["redis"] = stub
    return sys.modules["redis"].Redis


def fs_response(kind, config, script, cookie, stored):
    base = flask_session_stub()
    client_class = type("Client", (Recorded, base), {}) if base is not Recorded else Recorded
    client = client_class.__new__(client_class)
    Recorded.__init__(client, {key: bytes.fromhex(value) for key, value in stored.items()})
    drawn = 0

    def token(length):
        nonlocal drawn
        drawn += 1
        import base64

        raw = bytes((at + drawn) % 256 for at in range(length))
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    app = flask.Flask("original")
    app.logger.disabled = True
    settings = dict(config)
    app.config.update(settings)
    app.config.update(SESSION_TYPE=kind, SESSION_REDIS=client, SESSION_MEMCACHED=client)

    @app.route("/")
    def view():
        for step in script:
            run_flask(step, flask.session, app)
        return "done"

    with warnings.catch_warnings(), frozen():
        warnings.simplefilter("ignore")
        from flask_session import Session

        Session(app)
        with unittest.mock.patch.object(secrets, "token_urlsafe", token):
            headers = {} if cookie is None else {"Cookie": f"session={cookie}"}
            browser = app.test_client(use_cookies=False)
            response = browser.get("/", headers=headers)
    return {
        "status": response.status_code,
        "set_cookie": response.headers.getlist("Set-Cookie"),
        "vary": response.headers.get("Vary"),
        "store": client.calls,
    }


def run_flask(step, session, app):
    match step:
        case ["get", key]:
            session.get(key)
        case ["set", key, value]:
            session[key] = value
        case ["pop", key]:
            session.pop(key, None)
        case ["setdefault", key, value]:
            session.setdefault(key, value)
        case ["update", value]:
            session.update(value)
        case ["clear"]:
            session.clear()
        case ["permanent", value]:
            session.permanent = value
        case ["mark"]:
            session.modified = True
        case ["in", key]:
            key in session
        case ["len"]:
            len(session)
        case ["regenerate"]:
            app.session_interface.regenerate(session)
        case _:
            raise AssertionError(step)


def fs_file(key, timeout, value, **options):
    with tempfile.TemporaryDirectory() as folder, frozen():
        cache = FileSystemCache(folder, **options)
        cache.set(key, value, timeout)
        name = cache._get_filename(key)
        with open(name, "rb") as file:
            content = file.read()
    return {
        "filename": name.rsplit("/", 1)[1],
        "data": content.hex(),
        "mode": "0o600",
        "expires": int.from_bytes(content[:4], sys.byteorder),
    }


def django_ready():
    import django
    from django.conf import settings

    if not settings.configured:
        settings.configure(SECRET_KEY="dj-secret", ALLOWED_HOSTS=["*"], USE_TZ=True)
        django.setup()
        logging.disable(logging.CRITICAL)


@contextlib.contextmanager
def django_at(**settings):
    django_ready()
    from django.test.utils import override_settings

    now = lambda: _real.fromtimestamp(NOW, datetime.timezone.utc)  # noqa: E731
    with frozen(), override_settings(**settings):
        with unittest.mock.patch("django.utils.timezone.now", now):
            yield


def django_response(settings, script, cookie, status):
    engine = "django.contrib.sessions.backends.signed_cookies"
    with django_at(SECRET_KEY="dj-secret", SESSION_ENGINE=engine, **settings):
        from django.contrib.sessions.middleware import SessionMiddleware
        from django.http import HttpRequest, HttpResponse

        def view(request):
            for step in script:
                run_django(step, request.session)
            return HttpResponse(status=status)

        request = HttpRequest()
        if cookie is not None:
            request.COOKIES[settings.get("SESSION_COOKIE_NAME", "sessionid")] = cookie
        response = SessionMiddleware(view)(request)
    return {
        "status": response.status_code,
        "set_cookie": [morsel.OutputString() for morsel in response.cookies.values()],
        "vary": response.get("Vary"),
    }


def run_django(step, session):
    match step:
        case ["get", key]:
            session.get(key)
        case ["set", key, value]:
            session[key] = value
        case ["pop", key]:
            session.pop(key, None)
        case ["setdefault", key, value]:
            session.setdefault(key, value)
        case ["update", value]:
            session.update(value)
        case ["in", key]:
            key in session
        case ["clear"]:
            session.clear()
        case ["flush"]:
            session.flush()
        case ["cycle_key"]:
            session.cycle_key()
        case ["set_expiry", value]:
            session.set_expiry(value)
        case ["test_cookie"]:
            session.set_test_cookie()
        case _:
            raise AssertionError(step)


def django_set_expiry(value, age, at_close):
    with django_at(SESSION_COOKIE_AGE=age, SESSION_EXPIRE_AT_BROWSER_CLOSE=at_close):
        from django.contrib.sessions.backends.signed_cookies import SessionStore

        session = SessionStore()
        if value != "unset":
            session.set_expiry(value)
        return {
            "stored": typed(session.get("_session_expiry")),
            "age": typed(session.get_expiry_age()),
            "date": session.get_expiry_date().isoformat(),
            "at_browser_close": session.get_expire_at_browser_close(),
            "modified": session.modified,
        }


def dumped(value, salt, key="dj-secret"):
    """A signed cookie as Django makes it now."""
    with django_at():
        from django.core import signing

        return signing.dumps(value, key=key, salt=salt, compress=True)
