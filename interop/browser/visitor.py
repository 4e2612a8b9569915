"""A visitor of the demo site, and tests that have some.

$SESSILE is the `sessile` program.
"""

import os
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
from driver import Browser  # noqa: E402
from live import Server, flask  # noqa: E402, F401

KEY = "a-secret-key-of-this-test-of-more-than-32-bytes"


def demo(*options):
    """The site, and the hostile one beside it."""
    program = os.environ.get("SESSILE")
    if not program:
        raise unittest.SkipTest("$SESSILE is not set: run `cargo xtask browser`")
    command = [program, "demo", "--port", "0", *options]
    return Server(command, sites=2, is_ours=True, SECRET_KEY=KEY)


class Visitor(Browser):
    """A browser that knows its way around the site."""

    def __init__(self, server, **options):
        super().__init__(**options)
        self.site, self.hostile = (f"http://127.0.0.1:{site.port}" for site in server.sites)

    def go(self, path="/"):
        self.open(self.site + path)

    def log_in(self, name="ada", password="engine", remember=False):
        self.go("/login")
        self.type("input[name=username]", name)
        self.type("input[name=password]", password)
        if remember:
            self.click("input[name=remember]")
        self.follow("main form button")

    def add(self, good):
        self.go("/shop")
        self.follow(f"#{good} button")

    def sees(self, text):
        return text in self.text()


class DemoCase(unittest.TestCase):
    """Starts sites and browsers, and stops them."""

    def serve(self, *options):
        server = demo(*options)
        self.addCleanup(server.stop)
        return server

    def visit(self, server, **options):
        visitor = Visitor(server, **options)
        self.addCleanup(visitor.close)
        return visitor
