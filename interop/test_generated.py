"""Thousands of generated inputs: what the originals make of each, and what we do."""

import datetime
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import originals  # noqa: E402
from typed import Values, typed  # noqa: E402

NOW = originals.NOW
SID = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
STORED = {
    "msgpack": "82aa5f7065726d616e656e74c3a576616c7565a23432",
    "json": '{"_permanent":true,"value":"42"}'.encode().hex(),
    "without": "81a576616c7565a23432",
    "only permanent": "81aa5f7065726d616e656e74c3",
    "pickle": "80049520000000000000007d94288c0a5f7065726d616e656e7494888c0576616c756594"
    "8c02343294752e",
}


class GeneratedTest(unittest.TestCase):
    """Runs the vector runner over what a generator makes."""

    def agree(self, family, cases):
        program = os.environ.get("SESSILE_VECTORS_PROGRAM")
        if not program:
            raise unittest.SkipTest(
                "$SESSILE_VECTORS_PROGRAM is not set: run `cargo xtask interop`"
            )
        cases = list(cases)
        for number, case in enumerate(cases):
            case.update(id=f"generated.{number}", family=family)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "generated.json"
            path.write_text(json.dumps({"cases": cases}))
            run = subprocess.run([program, path], capture_output=True, text=True, check=False)
        self.assertIn(f"{len(cases)} passed, 0 failed", run.stdout, run.stdout[:4000] + run.stderr)

    def test_pickles_of_plain_data_are_cpythons(self):
        def cases():
            values = Values("pickle")
            for _ in range(2000):
                # What literals share, two sessions do not.
                values.known.clear()
                value = values.dict(values.random.choice([1, 2, 4]))
                yield {
                    "op": "pickle_dumps",
                    "in": {"value": typed(value)},
                    "out": {"ok": originals.pickled(value).hex()},
                }
            for value in [
                list(range(2001)),
                {n: n for n in range(2000)},
                set(range(1000)),
                ["%d" % n for n in range(30_000)],
                {
                    "a": "x" * 65_535,
                    "b": "y" * 65_536,
                    "c": b"z" * 65_537,
                    "d": [b"z" * 65_536] * 2,
                    "e": 1,
                },
            ]:
                yield {
                    "op": "pickle_dumps",
                    "in": {"value": typed(value)},
                    "out": {"ok": originals.pickled(value).hex()},
                }

        self.agree("pickle", cases())

    def test_pickles_of_every_protocol_are_read(self):
        import pickle

        def cases():
            values = Values("pickle")
            for number in range(1000):
                value = values.dict()
                data = pickle.dumps(value, number % 6)
                yield {
                    "op": "pickle_loads",
                    "in": {"data": data.hex()},
                    "out": {"ok": typed(value)},
                }

        self.agree("pickle", cases())

    def test_cachelibs_files(self):
        def cases():
            values = Values("cachelib")
            for _ in range(300):
                values.known.clear()
                value, timeout = values.dict(), values.random.choice([0, 1, 60, 2_678_400])
                key = f"session:{values.random.getrandbits(200)}"
                yield {
                    "op": "fs_file",
                    "in": {"key": key, "timeout": timeout, "now": NOW, "value": typed(value)},
                    "out": {"ok": originals.fs_file(key, timeout, value)},
                }

        self.agree("flask-session", cases())

    def test_whole_requests_of_flask_session(self):
        pick = random.Random("fs_response")

        def chance(config, name, *values):
            if pick.random() < 0.25:
                config[name] = pick.choice(values)

        def step():
            return pick.choice(
                [
                    ["get", "value"],
                    ["get", "no"],
                    ["set", "value", "42"],
                    ["set", "a", [1, {"b": None}]],
                    ["pop", "value"],
                    ["pop", "no"],
                    ["setdefault", "value", 1],
                    ["setdefault", "n", 1.5],
                    ["clear"],
                    ["clear"],
                    ["permanent", True],
                    ["permanent", False],
                    ["mark"],
                    ["in", "value"],
                    ["len"],
                    ["regenerate"],
                    ["regenerate"],
                    ["update", {"u": 1}],
                    ["update", {}],
                ]
            )

        def cases():
            for _ in range(3000):
                config = {"SECRET_KEY": "dev-secret"}
                chance(config, "SESSION_REFRESH_EACH_REQUEST", False)
                chance(config, "SESSION_PERMANENT", False)
                chance(config, "SESSION_SERIALIZATION_FORMAT", "json")
                chance(config, "SESSION_USE_SIGNER", True)
                chance(config, "SESSION_KEY_PREFIX", "p:", "")
                chance(config, "SESSION_ID_LENGTH", 16, 64)
                chance(config, "PERMANENT_SESSION_LIFETIME", 60, 2_592_000, 2_592_001)
                chance(config, "SESSION_COOKIE_SECURE", True)
                chance(config, "SESSION_COOKIE_HTTPONLY", False)
                chance(config, "SESSION_COOKIE_SAMESITE", "Lax", "none", "Strict", "wrong")
                chance(config, "SESSION_COOKIE_DOMAIN", "example.com")
                chance(config, "SESSION_COOKIE_PATH", "/app")
                chance(config, "SESSION_COOKIE_PARTITIONED", True)
                kind = pick.choice(["redis", "memcached"])
                signed = f"{SID}.f3kXakUCeA5kxNwbCon2rjSSpY0"
                cookie = pick.choice([None, SID, SID, signed, signed, "nonsense"])
                key = config.get("SESSION_KEY_PREFIX", "session:") + SID
                stored = {key: pick.choice(list(STORED.values()))} if pick.random() < 0.8 else {}
                script = [step() for _ in range(pick.choice([0, 1, 1, 2, 3]))]
                script_typed = [
                    [it if at == 0 else typed(it) for at, it in enumerate(line)] for line in script
                ]
                yield {
                    "op": "fs_response",
                    "in": {
                        "type": kind,
                        "config": config,
                        "now": NOW,
                        "script": script_typed,
                        "cookie": cookie,
                        "stored": stored,
                    },
                    "out": {"ok": originals.fs_response(kind, config, script, cookie, stored)},
                }

        self.agree("flask-session", cases())

    def test_whole_requests_of_django(self):
        pick = random.Random("django_response")
        salt = "django.contrib.sessions.backends.signed_cookies"
        good = originals.dumped({"x": 1, "l": [1]}, salt)
        cookies = [
            None,
            None,
            good,
            good,
            good,
            originals.dumped({}, salt),
            originals.dumped({"_session_expiry": 300, "x": 1}, salt),
            originals.dumped({"_session_expiry": 0}, salt),
            good[:-1] + "_",
            originals.dumped({"x": 1}, salt, key="other"),
            "",
            "short",
            "eightlen",
            "é" * 8,
        ]

        def step():
            return pick.choice(
                [
                    ["get", "x"],
                    ["set", "x", 2],
                    ["set", "y", {"a": [None, "é"]}],
                    ["pop", "x"],
                    ["pop", "no"],
                    ["setdefault", "x", 1],
                    ["setdefault", "n", 1],
                    ["update", {"u": 1}],
                    ["update", {}],
                    ["in", "x"],
                    ["clear"],
                    ["flush"],
                    ["flush"],
                    ["cycle_key"],
                    ["set_expiry", None],
                    ["set_expiry", 0],
                    ["set_expiry", 60],
                    ["set_expiry", -5],
                    ["set_expiry", 1.5],
                    ["set_expiry", datetime.timedelta(hours=2)],
                    ["set_expiry", datetime.datetime(2026, 1, 3, tzinfo=datetime.timezone.utc)],
                    ["test_cookie"],
                ]
            )

        def cases():
            for _ in range(3000):
                settings = {}

                def chance(name, *values):
                    if pick.random() < 0.2:
                        settings[name] = pick.choice(values)

                chance("SESSION_SAVE_EVERY_REQUEST", True)
                chance("SESSION_EXPIRE_AT_BROWSER_CLOSE", True)
                chance("SESSION_COOKIE_AGE", 60, 1_209_600)
                chance("SESSION_COOKIE_NAME", "sid")
                chance("SESSION_COOKIE_DOMAIN", ".example.com", "example.com")
                chance("SESSION_COOKIE_PATH", "/app")
                chance("SESSION_COOKIE_SECURE", True)
                chance("SESSION_COOKIE_HTTPONLY", False)
                chance("SESSION_COOKIE_SAMESITE", "Strict", "None", False)
                cookie, status = pick.choice(cookies), pick.choice(
                    [200, 200, 200, 302, 404, 500, 503]
                )
                script = [step() for _ in range(pick.choice([0, 1, 1, 2, 3]))]
                if script and script[0][0] == "pop":
                    # Django forgets that it could not read the cookie when pop() comes first.
                    script.insert(0, ["get", "x"])
                script_typed = [
                    [it if at == 0 else typed(it) for at, it in enumerate(line)] for line in script
                ]
                yield {
                    "op": "django_response",
                    "in": {
                        "engine": "signed_cookies",
                        "SECRET_KEY": "dj-secret",
                        "settings": settings,
                        "now": NOW,
                        "script": script_typed,
                        "cookie": cookie,
                        "view_status": status,
                    },
                    "out": {"ok": originals.django_response(settings, script, cookie, status)},
                }

        self.agree("django-response", cases())

    def test_djangos_expiry(self):
        utc = datetime.timezone.utc
        east = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
        values = [
            "unset",
            None,
            0,
            1,
            -1,
            300,
            True,
            False,
            0.0,
            1.5,
            -1.5,
            1e300,
            float("nan"),
            float("inf"),
            10**9,
            10**11,
            10**13,
            10**30,
            "",
            "soon",
            "2026-01-02",
            "2026-01-05T00:00:00",
            "2026-01-05T00:00:00+00:00",
            "2026-01-05T00:00:00.5+02:00",
            "20260105T000000Z",
            datetime.datetime(2026, 1, 3, 1, 2, 3, 456789, tzinfo=utc),
            datetime.datetime(2026, 1, 3, tzinfo=east),
            datetime.datetime(2026, 1, 3),
            datetime.datetime(2025, 1, 3, tzinfo=utc),
            datetime.datetime(9999, 12, 31, tzinfo=utc),
            datetime.timedelta(0),
            datetime.timedelta(microseconds=1),
            datetime.timedelta(days=-1),
            datetime.timedelta(days=30, seconds=1.25),
            datetime.timedelta(days=4_000_000),
        ]

        def cases():
            for value in values:
                for age in [60, 1_209_600]:
                    for at_close in [False, True]:
                        try:
                            out = {"ok": originals.django_set_expiry(value, age, at_close)}
                        except Exception as error:  # whatever it is, ours is the same
                            out = {"error": type(error).__name__}
                        given = {
                            "value": typed(value),
                            "now": NOW,
                            "SESSION_COOKIE_AGE": age,
                            "SESSION_EXPIRE_AT_BROWSER_CLOSE": at_close,
                        }
                        yield {"op": "django_set_expiry", "in": given, "out": out}

        self.agree("django-expiry", cases())


if __name__ == "__main__":
    unittest.main()
