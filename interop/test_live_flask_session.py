"""One store, two programs: a real Flask with Flask-Session and the Rust demo site.

$SESSILE is the `sessile` program; the servers' addresses are in $SESSILE_TEST_…_URL.
"""

import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from live import HERE, Server, demo, server_url  # noqa: E402
from shared_sessions import SharedSessions  # noqa: E402

KEY = "a-secret-key-of-more-than-32-bytes-for-tests"

FORMAT, SIGNER = "SESSION_SERIALIZATION_FORMAT", "SESSION_USE_SIGNER"
VARIANTS = {
    "msgpack": {FORMAT: "msgpack"},
    "msgpack, signed": {FORMAT: "msgpack", SIGNER: True},
    "json": {FORMAT: "json"},
    "json, signed": {FORMAT: "json", SIGNER: True},
    "short-lived": {"PERMANENT_SESSION_LIFETIME": 2},
}

VALUES = {
    "int": 42,
    "negative": -7,
    "largest": 2**64 - 1,
    "float": 1.5,
    "whole float": 10.0,
    "text": 'Zoë ☃ 🦀 "\\/ \u007f\u2028',
    "null": None,
    "true": True,
    "list": [1, [2, []]],
    "map": {"b": 1, "a": {"9": 1, "10": 2}, "": {}},
    "bytes": {" b": "AP/+"},
    "tuple": {" t": [1, {" t": []}]},
    "datetime": {" d": "Fri, 02 Jan 2026 03:04:05 GMT"},
    "uuid": {" u": "0123456789abcdef0123456789abcdef"},
}


class FlaskSession(SharedSessions):
    """On one store: what STORE is to the Flask application, and what the demo is told."""

    values = VALUES

    @classmethod
    def setUpClass(cls):
        store, settings = cls.place()
        flask = Server(
            [sys.executable, HERE / "flask_session_app.py"],
            sites=len(VARIANTS),
            SECRET_KEY=KEY,
            STORE=store,
            VARIANTS=json.dumps(list(VARIANTS.values())),
        )
        cls.addClassCleanup(flask.stop)
        cls.pairs = []
        for site, (name, variant) in zip(flask.sites, VARIANTS.items(), strict=True):
            variant = {setting: str(value) for setting, value in variant.items()}
            ours = demo("flask-session", SECRET_KEY=KEY, **settings, **variant)
            cls.addClassCleanup(ours.stop)
            cls.pairs.append((name, site, ours.sites[0]))
        cls.short_lived = cls.pairs.pop()

    def test_cookies_are_the_same_but_for_value_and_time(self):
        self.same_headers([
            ("anonymous", lambda it, site: it.data(site)),
            ("first write", lambda it, site: it.change(site, a=1)),
            ("read", lambda it, site: it.data(site)),
            ("not permanent", lambda it, site: it.change(site, _permanent=False)),
            ("not permanent, read", lambda it, site: it.data(site)),
            ("emptied", lambda it, site: it.change(site, remove=["a"])),
        ])

    def test_inv07_a_session_ends_at_the_same_time_on_both(self):
        _, original, ours = self.short_lived
        self.expires_on_both(
            lambda it, site: it.change(site, a=1), [self.short_lived], self.who_ends(original, ours)
        )

    def who_ends(self, original, ours):
        return [original, ours]


class RedisTest(FlaskSession, unittest.TestCase):
    @staticmethod
    def place():
        url = server_url("redis")
        return url, {"SESSION_TYPE": "redis", "SESSION_REDIS": url}


class MemcachedTest(FlaskSession, unittest.TestCase):
    """Three servers, where pymemcache chooses among them."""

    @staticmethod
    def place():
        url = server_url("memcached")
        settings = {"SESSION_MEMCACHED": url, "SESSION_MEMCACHED_CLIENT": "pymemcache"}
        return url, {"SESSION_TYPE": "memcached", **settings}


class MongoDbTest(FlaskSession, unittest.TestCase):
    @staticmethod
    def place():
        url = server_url("mongodb")
        return url, {"SESSION_TYPE": "mongodb", "SESSION_MONGODB": url}

    def who_ends(self, original, ours):
        # Flask-Session leaves it to the server, which looks once a minute.
        return [ours]


class PostgresTest(FlaskSession, unittest.TestCase):
    @staticmethod
    def place():
        url = server_url("postgres")
        return url, {"SESSION_TYPE": "sqlalchemy", "SESSION_SQLALCHEMY": url}


class MariaDbTest(FlaskSession, unittest.TestCase):
    @staticmethod
    def place():
        url = server_url("mysql")
        return url, {"SESSION_TYPE": "sqlalchemy", "SESSION_SQLALCHEMY": url}


class SqliteTest(FlaskSession, unittest.TestCase):
    @classmethod
    def place(cls):
        folder = tempfile.TemporaryDirectory(prefix="sessile-live-")
        cls.addClassCleanup(folder.cleanup)
        url = f"sqlite:///{folder.name}/sessions.db"
        return url, {"SESSION_TYPE": "sqlalchemy", "SESSION_SQLALCHEMY": url}


class FilesTest(FlaskSession, unittest.TestCase):
    @classmethod
    def place(cls):
        folder = tempfile.TemporaryDirectory(prefix="sessile-live-")
        cls.addClassCleanup(folder.cleanup)
        settings = {"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": folder.name}
        return f"file:{folder.name}", settings


if __name__ == "__main__":
    unittest.main()
