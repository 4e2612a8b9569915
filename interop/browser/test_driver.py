"""The browser driver itself, on a small page of its own."""

import http.server
import pathlib
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from driver import Browser, WebDriverError  # noqa: E402

PAGE = b"""<!doctype html><title>Small</title>
<form method=post><input name=who value=nobody><button>Go</button></form>
<p id=seen></p>
<script>document.getElementById("seen").textContent = "script ran"</script>"""


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(PAGE)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(b"<title>Got</title><p>" + body, ("Set-Cookie", "seen=1; HttpOnly; Path=/"))

    def answer(self, body, *headers):
        self.send_response(200)
        for header in (("Content-Type", "text/html"), *headers):
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class DriverTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        cls.thread = threading.Thread(target=cls.server.serve_forever)
        cls.thread.start()
        cls.address = "http://127.0.0.1:%d/" % cls.server.server_port

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()
        cls.thread.join()
        cls.server.server_close()

    def test_a_form_is_filled_in_and_sent(self):
        with Browser() as browser:
            browser.open(self.address)
            self.assertEqual(browser.title, "Small")
            self.assertEqual(browser.text("#seen"), "script ran")
            self.assertEqual(browser.value("input"), "nobody")
            browser.type("input", "ada")
            browser.click("button")
            browser.wait_for_text("who=ada")
            self.assertTrue(browser.cookies()["seen"]["httpOnly"])
            picture = browser.screenshot("driver-check").read_bytes()
            self.assertTrue(picture.startswith(b"\x89PNG"))
            with self.assertRaises(WebDriverError) as refused:
                browser.click("#missing")
            self.assertEqual(refused.exception.kind, "no such element")

    def test_each_browser_starts_empty_and_nothing_is_left_behind(self):
        for _ in range(2):
            with Browser(javascript=False) as browser:
                browser.open(self.address)
                self.assertEqual(browser.cookies(), {})
                self.assertEqual(browser.text("#seen"), "")
                browser.set_cookie("a", "b")
            self.assertIsNotNone(browser.process.returncode)
            self.assertFalse(pathlib.Path(browser.profile).exists())


if __name__ == "__main__":
    unittest.main()
