"""One login, two stacks: a real Flask application and the Rust demo site share their visitors.

$SESSILE is the `sessile` program. Both sides answer /api/session as flask_app.py says.
"""

import functools
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from live import Client, demo, flask  # noqa: E402

OLD = "an-old-secret-key-of-more-than-32-bytes"
NEW = "the-new-secret-key-of-more-than-32-bytes"

# Every type that Flask's session can tell apart, in its tagged JSON.
TYPED = {
    "int": 42,
    "negative": -7,
    "beyond 64 bits": 2**70,
    "float": 1.5,
    "whole float": 10.0,
    "large float": 1e16,
    "text": 'Zoë ☃ 🦀 "\\/ \u007f\u2028',
    "lone surrogate": "a\ud800z",
    "null": None,
    "true": True,
    "list": [1, [2, []]],
    "map": {"b": 1, "a": {"9": 1, "10": 2}, "": {}},
    "bytes": {" b": "AP/+"},
    "tuple": {" t": [1, {" t": []}]},
    "datetime": {" d": "Fri, 02 Jan 2026 03:04:05 GMT"},
    "uuid": {" u": "0123456789abcdef0123456789abcdef"},
    "markup": {" m": "<b>bold</b>"},
    "like a tag": {" di": {" t__": "not a tuple"}},
}


class LiveFlaskTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rust = demo("flask", SECRET_KEY=OLD)
        cls.addClassCleanup(cls.rust.stop)
        cls.flask = flask(SECRET_KEY=OLD)
        cls.addClassCleanup(cls.flask.stop)
        cls.both_ways = [
            ("flask to rust", cls.flask, cls.rust),
            ("rust to flask", cls.rust, cls.flask),
        ]

    def test_a_login_in_flask_is_a_login_here_and_a_logout_here_is_one_there(self):
        visitor = Client()
        visitor.form(self.flask, "/login", username="ada")
        self.assertEqual(visitor.data(self.rust), {"username": "ada"})
        self.assertEqual(visitor.change(self.rust, remove=["username"]), {})
        self.assertEqual(visitor.cookies, {})
        self.assertEqual(visitor.request(self.flask, "GET", "/"), (200, "Not logged in"))

    def test_a_login_here_is_a_login_in_flask_and_a_logout_there_is_one_here(self):
        visitor = Client()
        visitor.change(self.rust, username="grace")
        self.assertEqual(visitor.request(self.flask, "GET", "/"), (200, "Logged in as grace"))
        visitor.form(self.flask, "/logout")
        self.assertEqual(visitor.cookies, {})
        self.assertEqual(visitor.data(self.rust), {})

    def test_a_cart_is_filled_by_turns(self):
        visitor = Client()
        for turn in range(3):
            visitor.form(self.flask, "/cart", item=f"flask {turn}")
            cart = visitor.data(self.rust)["cart"]
            visitor.change(self.rust, cart=[*cart, f"rust {turn}"])
        wanted = [f"{side} {turn}" for turn in range(3) for side in ("flask", "rust")]
        self.assertEqual(visitor.data(self.flask), {"cart": wanted})

    def test_every_type_arrives_and_comes_back(self):
        for way, here, there in self.both_ways:
            for name, value in TYPED.items():
                with self.subTest(way, value=name):
                    visitor = Client()
                    visitor.change(here, value=value)
                    self.assertEqual(exact(visitor.data(there)), exact({"value": value}))
                    # Written anew by the other side, read by the first.
                    visitor.change(there, again=True)
                    wanted = exact({"again": True, "value": value})
                    self.assertEqual(exact(visitor.data(here)), wanted)

    def test_both_write_the_same_payload(self):
        # Until the time stamp the cookie depends on the data alone: sorted keys, escapes, floats.
        single = [(name, {"v": value}) for name, value in TYPED.items()]
        for name, values in [*single, ("all", TYPED)]:
            with self.subTest(name):
                payloads = []
                for server in (self.flask, self.rust):
                    visitor = Client()
                    visitor.change(server, **values)
                    payloads.append(visitor.cookies["session"].rsplit(".", 2)[0])
                # The deflated bytes depend on the build's zlib; that they inflate is shown above.
                deflated = [payload.startswith(".") for payload in payloads]
                if not any(deflated):
                    self.assertEqual(payloads[1], payloads[0])

    def test_a_long_session_travels_deflated(self):
        for way, here, there in self.both_ways:
            with self.subTest(way):
                visitor = Client()
                text = "over and over " * 500
                visitor.change(here, text=text)
                self.assertTrue(visitor.cookies["session"].startswith("."))
                self.assertLess(len(visitor.cookies["session"]), 500)
                self.assertEqual(visitor.data(there), {"text": text})

    def test_headers_are_the_same_but_for_value_and_time(self):
        steps = [
            ("first write", lambda it, server: it.change(server, a=1)),
            ("read", lambda it, server: it.data(server)),
            ("permanent", lambda it, server: it.change(server, _permanent=True)),
            ("permanent, read", lambda it, server: it.data(server)),
            ("emptied", lambda it, server: it.change(server, remove=["a", "_permanent"])),
            ("anonymous read", lambda it, server: it.data(server)),
        ]
        visitors = {"flask": (Client(), self.flask), "rust": (Client(), self.rust)}
        for name, step in steps:
            with self.subTest(name):
                seen = {}
                for side, (visitor, server) in visitors.items():
                    step(visitor, server)
                    cookies = [shape(it) for it in visitor.set_cookies()]
                    seen[side] = (cookies, visitor.header("Vary"))
                self.assertEqual(seen["rust"], seen["flask"])

    def test_what_was_not_signed_by_us_is_an_anonymous_visitor(self):
        visitor = Client()
        visitor.change(self.flask, username="ada")
        good = visitor.cookies["session"]
        head, signature = good.rsplit(".", 1)
        flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
        forged = ["", ".", "..", "x", head, f"{head}.", f"{head}.{flipped}", f"x{good}", good * 2]
        for value in forged:
            for side, server in (("flask", self.flask), ("rust", self.rust)):
                with self.subTest(side, cookie=value):
                    visitor.cookies = {"session": value}
                    self.assertEqual(visitor.data(server), {})


class KeyRotationTest(unittest.TestCase):
    def serve(self, start, **environment):
        server = start(**environment)
        self.addCleanup(server.stop)
        return server

    def test_r23_keys_rotate_across_both_stacks(self):
        fallbacks = json.dumps([OLD])
        sides = {}
        for name, start in (("flask", flask), ("rust", functools.partial(demo, "flask"))):
            sides[name] = (
                self.serve(start, SECRET_KEY=OLD),
                self.serve(start, SECRET_KEY=NEW, SECRET_KEY_FALLBACKS=fallbacks),
                self.serve(start, SECRET_KEY=NEW),
            )
        for here, there in (("flask", "rust"), ("rust", "flask")):
            with self.subTest(f"{here} to {there}"):
                visitor = Client()
                visitor.change(sides[here][0], username="ada")
                # The old key's cookie: read during the rotation, refused after it.
                self.assertEqual(visitor.data(sides[there][1]), {"username": "ada"})
                self.assertEqual(visitor.data(sides[there][2]), {})
                # What is written during the rotation carries the new key.
                visitor.change(sides[here][1], cart=["tea"])
                wanted = {"cart": ["tea"], "username": "ada"}
                self.assertEqual(visitor.data(sides[there][2]), wanted)
                self.assertEqual(visitor.data(sides[there][0]), {})


class StoppingTest(unittest.TestCase):
    def test_f27_sigterm_stops_the_demo(self):
        self.assertEqual(demo("flask", SECRET_KEY=OLD).stop(), 0)


def shape(header):
    """A Set-Cookie header without what depends on time and key."""
    name, *attributes = header.split("; ")
    name, value = name.split("=", 1)
    kept = []
    for attribute in attributes:
        in_future = attribute.startswith("Expires=") and "1970" not in attribute
        kept.append("Expires=(later)" if in_future else attribute)
    return [name, "empty" if value in ("", '""') else "value", *kept]


def exact(data):
    """As text, for 10 == 10.0 and True == 1 in Python."""
    return json.dumps(data, sort_keys=True)


if __name__ == "__main__":
    unittest.main()
