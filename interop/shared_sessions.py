"""What must hold of sessions that an original and the Rust demo site share in one store."""

import json
import threading
import time

from live import Client

# What tells a dead session from a live one.
NAME, PASSWORD = "ada", "engine"


class SharedSessions:
    """For a TestCase that has `pairs`: what is shared in a word, the original's site, ours."""

    # What both are to read alike, written by either; in Flask's tagged JSON.
    values = {}

    def ways(self):
        """In words, the site that begins, the other."""
        for what, original, ours in self.pairs:
            yield f"{what}, theirs to ours", original, ours
            yield f"{what}, ours to theirs", ours, original

    def test_a_login_on_one_is_a_login_on_the_other_and_a_logout_ends_both(self):
        for way, here, there in self.ways():
            with self.subTest(way):
                visitor = Client()
                visitor.change(here, cart=["tea"])
                log_in(visitor, here)
                seen = visitor.data(there)
                self.assertEqual((seen["username"], seen["cart"]), (NAME, ["tea"]))
                visitor.change(there, cart=["tea", "milk"])
                self.assertEqual(visitor.data(here)["cart"], ["tea", "milk"])
                stolen = visitor.copy()
                log_out(visitor, there)
                # The demo's cookie of Django's tokens belongs to no session.
                visitor.cookies.pop("csrftoken", None)
                self.assertEqual(visitor.cookies, {})
                for site in (there, here):
                    self.assertEqual(content(stolen.copy().data(site)), {})
                # Nor does the old cookie bring it back by being written to.
                revived = stolen.copy()
                revived.change(here, cart=["milk"])
                self.assertNotEqual(revived.cookies, stolen.cookies)
                self.assertEqual(content(stolen.copy().data(there)), {})

    def test_a_new_id_leads_to_the_session_and_the_old_one_to_nothing(self):
        for what, original, ours in self.pairs:
            for site, rotate in [
                (original, lambda it: it.form(original, "/rotate")),
                (ours, lambda it: log_in(it, ours)),
            ]:
                with self.subTest(what, by="theirs" if site is original else "ours"):
                    visitor = Client()
                    visitor.change(ours, cart=["tea"])
                    self.assertEqual(visitor.data(original)["cart"], ["tea"])
                    old = visitor.copy()
                    rotate(visitor)
                    self.assertNotEqual(visitor.cookies, old.cookies)
                    for reader in (original, ours):
                        self.assertEqual(visitor.data(reader)["cart"], ["tea"])
                        self.assertEqual(content(old.copy().data(reader)), {})

    def test_both_read_alike_whatever_either_wrote(self):
        for way, here, there in self.ways():
            for name, value in self.values.items():
                with self.subTest(way, value=name):
                    visitor = Client()
                    visitor.change(here, value=value)
                    first = exact(visitor.data(here)["value"])
                    self.assertEqual(exact(visitor.data(there)["value"]), first)
                    # Written anew by the other side, read by both.
                    visitor.change(there, again=True)
                    again = visitor.data(here)
                    self.assertTrue(again["again"])
                    self.assertEqual(exact(again["value"]), first)
                    self.assertEqual(exact(visitor.data(there)["value"]), first)

    def test_a_value_is_the_same_whoever_wrote_it(self):
        for what, original, ours in self.pairs:
            for name, value in self.values.items():
                with self.subTest(what, value=name):
                    read = []
                    for writer in (original, ours):
                        visitor = Client()
                        visitor.change(writer, value=value)
                        read.append(exact(visitor.data(original)["value"]))
                    self.assertEqual(*read)

    def test_a_long_session_is_whole_on_the_other_side(self):
        text = "".join(chr(0x21 + n * n % 93) for n in range(40_000))
        for way, here, there in self.ways():
            with self.subTest(way):
                visitor = Client()
                visitor.change(here, text=text)
                self.assertEqual(visitor.data(there)["text"], text)
                visitor.change(there, text=text[::-1])
                self.assertEqual(visitor.data(here)["text"], text[::-1])

    def test_inv03_of_changes_at_once_on_ours_the_original_sees_every_one(self):
        what, original, ours = self.pairs[0]
        visitor = Client()
        visitor.change(original, start=True)
        cookies, failures = visitor.copy(), []

        def write(writer):
            for turn in range(5):
                try:
                    cookies.copy().change(ours, **{f"{writer} {turn}": turn})
                except AssertionError as failure:
                    failures.append(failure)

        threads = [threading.Thread(target=write, args=(it,)) for it in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [], what)
        seen = content(visitor.data(original))
        self.assertEqual(len(seen), 1 + 4 * 5, seen)

    def same_headers(self, steps):
        """Runs steps (name, action) on both sides and compares what is said of cookies."""
        for what, original, ours in self.pairs:
            visitors = [(Client(), original), (Client(), ours)]
            for name, step in steps:
                with self.subTest(what, step=name):
                    seen = []
                    for visitor, site in visitors:
                        step(visitor, site)
                        cookies = [shape(it) for it in visitor.set_cookies()]
                        seen.append((cookies, visitor.header("Vary")))
                    self.assertEqual(seen[1], seen[0])

    def expires_on_both(self, live, pairs, readers):
        """`live` is an action that makes a session of two seconds."""
        visitors = []
        for what, original, ours in pairs:
            for writer in (original, ours):
                visitor = Client()
                live(visitor, writer)
                visitors.append((what, visitor, [it for it in (original, ours) if it in readers]))
        self.assertTrue(visitors[0][1].cookies)
        # The end of these two seconds is what is waited for.
        time.sleep(3.1)
        for what, visitor, sites in visitors:
            for site in sites:
                with self.subTest(what, site=site):
                    self.assertEqual(content(visitor.copy().data(site)), {})


def log_in(visitor, site):
    visitor.form(site, "/login", username=NAME, password=PASSWORD)


def log_out(visitor, site):
    """Ends the session without a word: the demo's page begins a new one, with a message in it."""
    if site.is_ours:
        visitor.request(site, "POST", "/api/session", '{"end": true}', "application/json")
    else:
        visitor.form(site, "/logout")


def content(data):
    """Without what a new session begins with."""
    return {name: value for name, value in data.items() if name != "_permanent"}


def shape(header):
    """A Set-Cookie header without what depends on the time and the id."""
    name, *attributes = header.split("; ")
    name, value = name.split("=", 1)
    kept = []
    for attribute in attributes:
        key, _, end = attribute.partition("=")
        later = key.lower() == "expires" and "1970" not in end
        kept.append(f"{key}=(later)" if later else attribute)
    return [name, "empty" if value in ("", '""') else "value", *kept]


def exact(value):
    """As text, for 10 == 10.0 and True == 1 in Python."""
    return json.dumps(value, sort_keys=True)
