"""One store, two programs: a real Django and the Rust demo site, for every engine of Django's.

$SESSILE is the `sessile` program; the servers' addresses are in $SESSILE_TEST_…_URL.
"""

import datetime
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from live import HERE, Server, demo, server_url  # noqa: E402
from shared_sessions import SharedSessions, log_out  # noqa: E402

KEY = "a-secret-key-of-more-than-32-bytes-for-tests"

# What Django's JSON serializer takes.
VALUES = {
    "int": 42,
    "negative": -7,
    "beyond 64 bits": 2**70,
    "float": 1.5,
    "whole float": 10.0,
    "large float": 1e16,
    "text": 'Zoë ☃ 🦀 "\\/ \u007f\u2028',
    "null": None,
    "true": True,
    "list": [1, [2, []]],
    "map": {"b": 1, "a": {"9": 1, "10": 2}, "": {}},
}


class Django(SharedSessions):
    """With one engine: its name, what the Django application is told, and what the demo is told."""

    values = VALUES

    @classmethod
    def setUpClass(cls):
        engine, theirs, ours = cls.place()
        django = Server(
            [sys.executable, HERE / "django_app.py"],
            SECRET_KEY=KEY,
            SESSION_ENGINE=engine,
            **theirs,
        )
        cls.addClassCleanup(django.stop)
        name = f"django.contrib.sessions.backends.{engine}"
        rust = demo("django", SECRET_KEY=KEY, SESSION_ENGINE=name, **ours)
        cls.addClassCleanup(rust.stop)
        cls.pairs = [(engine, django.sites[0], rust.sites[0])]

    def test_cookies_are_the_same_but_for_value_and_time(self):
        self.same_headers([
            ("anonymous", lambda it, site: it.data(site)),
            ("first write", lambda it, site: it.change(site, a=1)),
            ("read", lambda it, site: it.data(site)),
            ("until the browser closes", lambda it, site: it.change(site, _session_expiry=0)),
            ("five minutes", lambda it, site: it.change(site, _session_expiry=300)),
            ("gone", log_out),
            ("afterwards", lambda it, site: it.data(site)),
        ])

    def test_inv07_a_session_ends_at_the_same_time_on_both(self):
        _, *sites = self.pairs[0]
        for name, expiry in self.two_seconds().items():
            with self.subTest(name):
                self.expires_on_both(
                    lambda it, site: it.change(site, a=1, _session_expiry=expiry),
                    self.pairs,
                    sites,
                )

    def two_seconds(self):
        """As set_expiry keeps a number of seconds, and a moment."""
        return {"a number": 2, "a moment": moment(2)}


class CacheOnRedisTest(Django, unittest.TestCase):
    @staticmethod
    def place():
        url = server_url("redis")
        return "cache", {"CACHE": url}, {"SESSION_CACHE_URL": url}


class CacheOnMemcachedTest(Django, unittest.TestCase):
    @staticmethod
    def place():
        url = server_url("memcached")
        return "cache", {"CACHE": url}, {"SESSION_CACHE_URL": url}


class CachedDbTest(Django, unittest.TestCase):
    @staticmethod
    def place():
        cache, database = server_url("redis"), server_url("postgres")
        ours = {"SESSION_URL": database, "SESSION_CACHE_URL": cache}
        return "cached_db", {"DATABASE": database, "CACHE": cache}, ours


class DbOnPostgresTest(Django, unittest.TestCase):
    @staticmethod
    def place():
        url = server_url("postgres")
        return "db", {"DATABASE": url}, {"SESSION_URL": url}


class DbOnMariaDbTest(Django, unittest.TestCase):
    @staticmethod
    def place():
        url = server_url("mysql")
        return "db", {"DATABASE": url}, {"SESSION_URL": url}


class DbOnSqliteTest(Django, unittest.TestCase):
    @classmethod
    def place(cls):
        folder = tempfile.TemporaryDirectory(prefix="sessile-live-")
        cls.addClassCleanup(folder.cleanup)
        url = f"sqlite:///{folder.name}/site.db"
        return "db", {"DATABASE": url}, {"SESSION_URL": url}


class FileTest(Django, unittest.TestCase):
    @classmethod
    def place(cls):
        folder = tempfile.TemporaryDirectory(prefix="sessile-live-")
        cls.addClassCleanup(folder.cleanup)
        return "file", {"DIRECTORY": folder.name}, {"SESSION_FILE_PATH": folder.name}

    def two_seconds(self):
        # Of a number of seconds Django's engine forgets when they began: such files never end.
        return {"a moment": moment(2)}


def moment(seconds):
    """So many seconds from now, as Django writes it."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return (now + datetime.timedelta(seconds=seconds)).isoformat()


if __name__ == "__main__":
    unittest.main()
