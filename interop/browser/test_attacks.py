"""Each attack of the hostile site and each payload in a comment, with protection and without.

Every one must succeed where nothing protects: one that fails there proves nothing elsewhere.
"""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from driver import ELEMENT, LOCAL  # noqa: E402
from visitor import DemoCase  # noqa: E402

ATTACKS = ["form", "image", "fetch", "json"]
PAYLOADS = {
    "script": "A script element ran.",
    "attribute": "An attribute ran.",
    "url": "A link ran.",
}
PROFILES = {
    "native": [],
    "flask": ["--profile", "flask"],
    "flask-session": ["--profile", "flask-session", "--store", "memory"],
    "django": ["--profile", "django", "--store", "memory"],
}
# What a payload would have put into the page.
INJECTED = "body script, body img, [onerror]"
# Where each says that it ran.
RAN = "return document.getElementById('ran').textContent"


class ForgeryTest(DemoCase):
    def test_r44_r49_each_attack_fails_where_protected_and_succeeds_where_not(self):
        for profile, options in PROFILES.items():
            visitor = self.visit(self.serve(*options))
            visitor.log_in()
            visitor.wait_for_text("Hello, ada.")
            for taken, attack in enumerate(ATTACKS, 1):
                with self.subTest(attack, profile=profile):
                    self.attack(visitor, attack, "unprotected")
                    self.assertEqual(visitor.text("#balance"), f"€{1000 - 100 * taken}")
                    first = visitor.text(".statement li")
                    self.assertIn("€100 to mallory", first)
                    self.assertIn(visitor.hostile, first, "and it is known who did it")

                    self.attack(visitor, attack, "protected")
                    self.assertEqual(visitor.text("#balance"), "€1,000")
                    self.assertEqual(len(visitor.find_all(".statement li.refused")), taken)
            visitor.screenshot(f"bank-attacked-{profile}")
            visitor.open(visitor.hostile)
            self.assertEqual(visitor.text("#taken-unprotected"), "€400")
            self.assertEqual(visitor.text("#taken-protected"), "€0")

    def attack(self, visitor, attack, branch):
        visitor.open(visitor.hostile)
        visitor.follow(f"#{attack}-{branch}")
        visitor.wait_for_text("Sent, with your cookies.", "#done")
        visitor.screenshot(f"attack-{attack}-{branch}")
        visitor.follow("#statement")

    def test_an_attack_on_who_is_not_logged_in_takes_nothing(self):
        visitor = self.visit(self.serve())
        for attack in ATTACKS:
            self.attack(visitor, attack, "unprotected")
            self.assertTrue(visitor.sees("Log in to open an account."), attack)
        visitor.open(visitor.hostile)
        self.assertEqual(visitor.text("#taken-unprotected"), "€0")

    def test_ones_own_transfer_goes_through_on_both_branches(self):
        visitor = self.visit(self.serve())
        visitor.log_in()
        for path in ("/bank", "/unprotected/bank"):
            visitor.go(path)
            visitor.type("input[name=amount]", "40")
            visitor.follow("#transfer button")
            visitor.wait_for_text("€40 were sent to grace.")
            self.assertEqual(visitor.text("#balance"), "€960", path)
            visitor.screenshot("bank" if path == "/bank" else "bank-unprotected")
        visitor.go("/bank")
        visitor.type("input[name=amount]", "999")
        visitor.follow("#transfer button")
        self.assertEqual(visitor.text(".notice.error"), "Nothing was sent: you have not that much.")

    def test_the_inspector_shows_what_was_decided_and_why(self):
        visitor = self.visit(self.serve())
        visitor.log_in()
        own = visitor.cookies()["id"]["value"]
        self.attack(visitor, "fetch", "protected")
        visitor.go("/bank")
        visitor.follow("#transfer button")
        visitor.go("/inspector")
        visitor.script("document.querySelectorAll('details').forEach(it => { it.open = true })")
        seen = [visitor.script("return arguments[0].innerText", {ELEMENT: it})
                for it in visitor.find_all("details")]
        transfers = [it for it in seen if "POST /bank/transfer" in it]
        self.assertEqual(len(transfers), 2)
        mine, theirs = transfers
        self.assertIn("let in: this site sent it, with a token of this session", mine)
        self.assertIn("update written", mine)
        self.assertIn("refused: Sec-Fetch-Site says that another site sent the request", theirs)
        self.assertIn("same-site", theirs)
        [login] = [it for it in seen if "POST /login" in it]
        for part in ("logged_in", "HttpOnly", "SameSite=Lax", "32 bytes"):
            self.assertIn(part, login)
        self.assertNotIn(own, visitor.source, "never a value that opens anything")
        visitor.screenshot("inspector")


class ScriptTest(DemoCase):
    def test_r52_each_payload_runs_where_unescaped_and_is_text_where_escaped(self):
        visitor = self.visit(self.serve())
        for name, trace in PAYLOADS.items():
            with self.subTest(name):
                visitor.go("/comments")
                if visitor.attribute("#clear", "disabled") is None:
                    visitor.follow("#clear")
                visitor.follow(f"#try-{name}")
                visitor.wait_for_text("A comment with an attack in it is there")
                policies = []
                for path in ("/unprotected/comments", "/comments/frame"):
                    visitor.go(path)
                    policies.append(policy(visitor.site + path))
                    if name == "url":
                        visitor.click("article a")
                    if path == "/unprotected/comments":
                        visitor.wait_for_text(trace, "#ran")
                        continue
                    visitor.go(path)
                    self.assertFalse(visitor.exists(INJECTED))
                    self.assertEqual(visitor.script(RAN), "")
                    self.assertFalse(visitor.exists("[href^=javascript]"))
                # No policy of the browser's makes the difference: scripts may run in both.
                self.assertIn("script-src 'unsafe-inline'", policies[0])
                self.assertEqual(*policies)
        visitor.go("/comments")
        visitor.follow("#try-script")
        visitor.follow("#try-attribute")
        visitor.screenshot("comments")

    def test_r52_without_any_policy_the_escaped_comments_are_still_text(self):
        visitor = self.visit(self.serve())
        visitor.bypass_policies()
        visitor.go("/comments")
        for name in PAYLOADS:
            visitor.follow(f"#try-{name}")
        visitor.go("/unprotected/comments")
        visitor.wait_for_text(PAYLOADS["script"], "#ran")
        visitor.wait_for_text(PAYLOADS["attribute"], "#ran")
        visitor.go("/comments/frame")
        self.assertFalse(visitor.exists(INJECTED))
        self.assertEqual(visitor.script(RAN), "")
        self.assertIn("<script>document.getElementById", visitor.text())

    def test_a_comment_is_shown_in_both_frames(self):
        visitor = self.visit(self.serve())
        visitor.go("/comments")
        visitor.type("textarea", "Hold fast & stay.")
        visitor.follow("#write button")
        visitor.wait_for_text("Your comment is there.")
        for path in ("/comments/frame", "/unprotected/comments"):
            visitor.go(path)
            self.assertTrue(visitor.sees("Hold fast & stay."), path)


def policy(address):
    """What a page is allowed to do."""
    with LOCAL.open(address, timeout=30) as response:
        return response.headers["Content-Security-Policy"]


if __name__ == "__main__":
    unittest.main()
