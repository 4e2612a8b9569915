"""A real Django with django-redis and the Rust demo site, for each serializer and compressor.

$SESSILE is the `sessile` program; the server's address is in $SESSILE_TEST_REDIS_URL.
"""

import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from live import HERE, Client, Server, demo, server_url  # noqa: E402
from originals_at import django_redis_cache  # noqa: E402
from shared_sessions import log_in, log_out  # noqa: E402

KEY = "a-secret-key-of-more-than-32-bytes-for-tests"
PICKLE = "pickle.PickleSerializer"

# Serializer and compressor of django-redis, and what the demo is told of new sessions.
FORMS = [
    (PICKLE, None, {}),
    (PICKLE, "zlib.ZlibCompressor", {}),
    (PICKLE, "gzip.GzipCompressor", {"SESSION_CACHE_COMPRESSOR": "gzip"}),
    (PICKLE, "lzma.LzmaCompressor", {"SESSION_CACHE_COMPRESSOR": "lzma"}),
    (PICKLE, "lz4.Lz4Compressor", {"SESSION_CACHE_COMPRESSOR": "lz4"}),
    (PICKLE, "zstd.ZStdCompressor", {"SESSION_CACHE_COMPRESSOR": "zstd"}),
    (
        "json.JSONSerializer",
        "zlib.ZlibCompressor",
        {"SESSION_CACHE_SERIALIZER": "django_redis.serializers.json.JSONSerializer"},
    ),
    ("msgpack.MSGPackSerializer", None, {"SESSION_CACHE_SERIALIZER": "msgpack"}),
]


class DjangoRedisTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.url = server_url("redis")

    def sites(self, serializer, compressor, told):
        caches = {"default": django_redis_cache(self.url, serializer, compressor)}
        django = Server(
            [sys.executable, HERE / "django_app.py"],
            SECRET_KEY=KEY,
            SESSION_ENGINE="cache",
            SETTINGS=json.dumps({"CACHES": caches}),
        )
        self.addCleanup(django.stop)
        engine = "django.contrib.sessions.backends.cache"
        environment = {"SESSION_ENGINE": engine, "SESSION_CACHE_URL": self.url, **told}
        rust = demo("django", SECRET_KEY=KEY, **environment)
        self.addCleanup(rust.stop)
        return django.sites[0], rust.sites[0]

    def test_d18_every_form_of_a_session_is_read_and_written_back_as_it_was(self):
        for serializer, compressor, told in FORMS:
            django, ours = self.sites(serializer, compressor, told)
            for here, there in [(django, ours), (ours, django)]:
                with self.subTest(serializer, compressor=compressor, begins=here):
                    text = "so long that it is worth compressing " * 20
                    visitor = Client()
                    visitor.change(here, cart=["tea"], text=text)
                    log_in(visitor, here)
                    self.assertEqual(visitor.data(there)["username"], "ada")
                    visitor.change(there, cart=["tea", "milk"])
                    seen = visitor.data(here)
                    self.assertEqual((seen["cart"], seen["text"]), (["tea", "milk"], text))
                    visitor.change(here, cart=[])
                    self.assertEqual(visitor.data(there)["cart"], [])
                    log_out(visitor, there)
                    self.assertNotIn("username", visitor.data(here))

    def test_d18_d20_classes_of_plain_data_come_back_as_they_were(self):
        django, ours = self.sites(PICKLE, "zlib.ZlibCompressor", {})
        visitor = Client()
        _, before = visitor.request(django, "POST", "/classes")
        log_in(visitor, ours)
        self.assertEqual(visitor.request(django, "GET", "/"), (200, "Logged in as ada"))
        _, after = visitor.request(django, "GET", "/classes")
        self.assertEqual(after, before)
        self.assertIn("frozenset({'a'})", after)
        self.assertIn("OrderedDict", after)
        self.assertIn("bytearray", after)
        # Text that is safe is another's class, not its repr.
        self.assertEqual(visitor.request(django, "GET", "/safe"), (200, "SafeString"))

    def test_d18_what_cannot_be_read_stays_as_it_is_and_logs_nobody_out(self):
        django, ours = self.sites(PICKLE, None, {})
        visitor = Client()
        visitor.change(django, username="ada")
        visitor.request(django, "POST", "/own")
        cookies = dict(visitor.cookies)
        # Nobody to us, and the cookie stays.
        status, _ = visitor.request(ours, "GET", "/api/session")
        self.assertEqual((status, visitor.set_cookies()), (200, []))
        changes = json.dumps({"set": {"a": 1}})
        status, _ = visitor.request(ours, "POST", "/api/session", changes, "application/json")
        self.assertEqual((status, visitor.set_cookies()), (500, []))
        self.assertEqual(visitor.cookies, cookies)
        self.assertEqual(visitor.request(django, "GET", "/own"), (200, "Own"))
        self.assertEqual(visitor.request(django, "GET", "/"), (200, "Logged in as ada"))


if __name__ == "__main__":
    unittest.main()
