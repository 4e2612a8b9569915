"""The demo site as a person uses it: clicks, forms, the Back button, a second browser.

$SESSILE is the `sessile` program. Pictures of the pages go to target/screenshots.
"""

import http.server
import pathlib
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from visitor import KEY, DemoCase, flask  # noqa: E402


class DemoTest(DemoCase):
    def test_from_first_visit_to_logout(self):
        visitor = self.visit(self.serve())
        visitor.go()
        visitor.screenshot("home")
        self.assertEqual(visitor.cookies(), {}, "a visitor who only looks gets no cookie")

        visitor.add("barnacle")
        visitor.add("barnacle")
        visitor.add("oyster")
        visitor.screenshot("shop")
        self.assertEqual(visitor.text("nav .count"), "3")
        anonymous = visitor.cookies()["id"]
        self.assertTrue(anonymous["httpOnly"])
        self.assertEqual(anonymous["sameSite"], "Lax")

        visitor.log_in(password="wrong")
        self.assertTrue(visitor.exists("[role=alert]"))
        self.assertEqual(visitor.value("input[name=username]"), "ada")
        visitor.screenshot("login-refused")

        visitor.log_in()
        visitor.wait_for_text("Hello, ada.")
        visitor.screenshot("logged-in")
        own = visitor.cookies()["id"]
        self.assertNotEqual(own["value"], anonymous["value"], "R03: a login gives a new id")
        self.assertNotIn("expiry", own, "until the browser closes, unless asked to remember")
        self.assertEqual(visitor.text("nav .count"), "3", "the cart comes along")

        visitor.go("/inside")
        visitor.screenshot("inside")
        self.assertTrue(visitor.sees("barnacle"))
        visitor.go("/cart")
        visitor.screenshot("cart")

        visitor.follow("#log-out")
        visitor.wait_for_text("You are logged out.")
        visitor.back()
        self.assertFalse(visitor.sees("Hello, ada."), "R40: Back shows no page of the session")
        visitor.go()
        visitor.clear_cookies()
        visitor.set_cookie(own["name"], own["value"], httpOnly=True)
        visitor.reload()
        self.assertFalse(visitor.sees("ada"), "R04: the cookie of an ended session opens nothing")

    def test_r11_a_second_browser_is_listed_and_ended(self):
        server = self.serve()
        first, second = self.visit(server), self.visit(server)
        first.log_in()
        second.log_in(remember=True)
        for visitor in (first, second):
            visitor.wait_for_text("Hello, ada.")
        kept = second.cookies()["id"]
        self.assertIn("expiry", kept)
        second.go("/sessions")
        second.screenshot("sessions")
        self.assertEqual(len(second.find_all(".devices > li")), 2)
        for visitor in (first, second):
            self.assertNotIn(visitor.cookies()["id"]["value"], second.source, "the list never shows an id")
        second.follow("#end-others")
        second.wait_for_text("Your other sessions were ended.")
        first.go()
        self.assertFalse(first.sees("Hello, ada."))
        second.go()
        self.assertTrue(second.sees("Hello, ada."))

    def test_it_works_without_scripts_and_on_a_telephone(self):
        visitor = self.visit(self.serve(), javascript=False, width=500, height=800)
        visitor.add("mussel")
        visitor.log_in("grace", "compiler")
        visitor.wait_for_text("Hello, grace.")
        pages = ["", "shop", "cart", "sessions", "inside", "login", "missing"]
        for page in [*pages, "bank", "unprotected/bank", "comments", "inspector"]:
            visitor.go(f"/{page}")
            visitor.screenshot(f"small-{page.replace('/', '-') or 'home'}")
            page_width, width = visitor.script(
                "return [document.documentElement.scrollWidth, innerWidth]"
            )
            self.assertLessEqual(page_width, width, f"/{page} scrolls sideways")

    def test_r52_markup_in_a_name_is_text(self):
        visitor = self.visit(self.serve())
        name = "<img src=x onerror=1><b>\"'&"
        visitor.log_in(name, "demo")
        visitor.wait_for_text(f"Hello, {name}.")
        self.assertFalse(visitor.exists("main img, main b"))

    def test_r44_a_form_on_another_site_does_nothing(self):
        server = self.serve()
        visitor = self.visit(server)
        visitor.log_in()
        visitor.wait_for_text("Hello, ada.")
        page = f'<form method=post action="{visitor.site}/logout"><button>Win!</button></form>'
        with other_site(page) as port:
            # Another port is the same site to the cookie, another host is not.
            for host in ("127.0.0.1", "localhost"):
                visitor.open(f"http://{host}:{port}/")
                visitor.follow("button")
                visitor.wait_for_text("403")
                visitor.go()
                self.assertTrue(visitor.sees("Hello, ada."), host)

    def test_one_login_serves_the_rust_site_and_flask(self):
        ours = self.serve("--profile", "flask")
        theirs = flask(SECRET_KEY=KEY)
        self.addCleanup(theirs.stop)
        visitor = self.visit(ours)
        visitor.log_in()
        visitor.wait_for_text("Hello, ada.")
        # Cookies know hosts, not ports: the browser sends the same one to both.
        visitor.open(f"http://127.0.0.1:{theirs.port}/")
        self.assertEqual(visitor.text(), "Logged in as ada")
        visitor.script("return fetch('/logout', {method: 'POST'}).then(it => it.status)")
        visitor.go()
        self.assertFalse(visitor.sees("ada"), "logged out in Flask, logged out here")


class other_site:
    """A page on a port of its own."""

    def __init__(self, page):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(page.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)

    def __enter__(self):
        self.thread.start()
        return self.server.server_port

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


if __name__ == "__main__":
    unittest.main()
