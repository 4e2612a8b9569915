"""What the guides say that browsers send, asked of a real one."""

import http.server
import pathlib
import sys
import threading
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from driver import Browser  # noqa: E402

GUIDE = HERE.parent.parent / "docs/guides/remember-me.md"


class RememberMeTest(unittest.TestCase):
    def test_u08_the_guides_form_sends_what_its_program_is_tested_with(self):
        text = GUIDE.read_text()
        page = text.split('r#"')[1].split('"#')[0]
        sent = []

        class Site(http.server.BaseHTTPRequestHandler):
            def answer(self, body):
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(body.encode())

            def do_GET(self):
                self.answer(page)

            def do_POST(self):
                sent.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.answer("<p id=done>done</p>")

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for tick in (True, False):
            with Browser() as browser:
                browser.open(f"http://127.0.0.1:{server.server_port}/")
                browser.type("input[name=username]", "alice")
                if tick:
                    browser.click("input[name=remember_me]")
                browser.follow("form button")
                browser.wait_for_text("done")
        self.assertEqual(sent, ["username=alice&remember_me=on", "username=alice"])
        # And that is what the guide's program gets.
        self.assertIn('[("username", "alice"), ("remember_me", "on")]', text)


if __name__ == "__main__":
    unittest.main()
