"""Decisions on generated requests: real Django and real Flask-WTF beside ours.

The originals answer 10,000 requests each made from a fixed seed; what they said
becomes a vector file, which our program then has to agree with, reason by reason.
"""

import json
import os
import pathlib
import random
import subprocess
import tempfile
import unittest
from unittest import mock

import django
from django.conf import settings

settings.configure(SECRET_KEY="dj-secret", ALLOWED_HOSTS=["*"], MIDDLEWARE=[])
django.setup()

from django.http import HttpResponse  # noqa: E402
from django.middleware import csrf as original  # noqa: E402
from django.test import RequestFactory, override_settings  # noqa: E402
from flask import Flask, session  # noqa: E402
from flask_wtf import csrf as wtf  # noqa: E402
from itsdangerous import URLSafeTimedSerializer  # noqa: E402

REQUESTS = 10_000
NOW = 1767323045
ALPHABET = original.CSRF_ALLOWED_CHARS
METHODS = ["POST"] * 12 + ["PUT", "PATCH", "DELETE", "GET", "HEAD", "OPTIONS", "TRACE", "BREW"]
HOSTS = [
    "www.example.com", "www.example.com:8000", "www.example.com:443", "a.sub.example.com",
    "sub.example.com", "WWW.example.com", "evil.example", "[::1]", "[::1]:8000",
    "www.example.com.", "www.example.com@evil.example", "www_x.example.com", "",
]
NETLOCS = HOSTS + [
    "api.org", "a.api.org", "A.api.org", "xapi.org", "api.org:8443", "api.org:80", "api.org.evil.example",
    "www.example.com.evil.example", "user:pw@www.example.com", "[", "]", "[::1", "[1.2.3.4]", "[v1.x]",
    "www.example.com:", "www.example.com:x", "www.example.com:99999", "a\tpi.org", ".api.org",
]
TRUSTED = [
    "https://api.org", "https://*.api.org", "http://api.org", "https://API.org", "https://api.org:8443",
    "https://*.sub.example.com:8000", "http://*.example.com",
]


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def chance(self, share):
        return self.random.random() < share

    def pick(self, *choices):
        return self.random.choice(choices)

    def letters(self, count):
        return "".join(self.random.choices(ALPHABET, k=count))

    def address(self, hosts):
        scheme = self.random.choices(
            ["https://", "http://", "HTTPS://", "ftp://", "//", "", "https:", " https://"],
            [40, 20, 1, 1, 1, 1, 1, 1],
        )[0]
        return scheme + self.random.choice(hosts)

    def origin(self, host, secure):
        if self.chance(0.5):
            return ("https://" if secure else "http://") + host
        if self.chance(0.1):
            return self.pick("null", "", "https://", "nonsense", "https://www.example.com/")
        return self.address(NETLOCS)

    def referer(self, host, secure):
        if self.chance(0.5):
            return ("https://" if secure else "http://") + host + self.tail(host)
        if self.chance(0.1):
            return self.pick("", "about:blank", "https:///x", "https:x", "/x")
        address = self.address(NETLOCS)
        return address + self.tail(address)

    def tail(self, host):
        """What follows the host. Before 3.13.2 CPython let anything follow a bracket."""
        tails = ["", "/", "/x?y#z", "?x", "#"]
        return self.pick(*tails) if "]" in host else self.pick(*tails, "\\@evil.example/")

    def altered(self, text):
        at = self.random.randrange(len(text) + 1)
        kind = self.pick("drop", "swap", "add", "case")
        if kind == "drop":
            return text[:at] + text[at + 1:]
        if kind == "add":
            return text[:at] + self.pick("a", "-", " ", ".") + text[at:]
        if kind == "case":
            return text.swapcase()
        return text[:at] + self.pick("a", "B", "9", "_", "!") + text[at + 1:]


def django_request(make):
    """A request's parts, as a vector's input."""
    host = make.pick(*HOSTS) if make.chance(0.4) else "www.example.com"
    secure = make.chance(0.5)
    request = {
        "method": make.pick(*METHODS),
        "host": host,
        "secure": secure,
        "ALLOWED_HOSTS": make.pick(["www.example.com", ".sub.example.com"], ["*"], []),
        "port": make.pick("443", "80", "8000") if make.chance(0.3) else "443" if secure else "80",
    }
    chosen = {}
    if make.chance(0.4):
        chosen["CSRF_TRUSTED_ORIGINS"] = make.random.sample(TRUSTED, make.random.randrange(1, 4))
    if make.chance(0.15):
        chosen["CSRF_HEADER_NAME"] = make.pick("HTTP_X_MY", "HTTP_X_X2Y_TOKEN", "HTTP_X_CSRFTOKEN")
    if make.chance(0.2):
        chosen["CSRF_USE_SESSIONS"] = True
        chosen["SESSION_COOKIE_DOMAIN"] = make.pick(None, ".example.com", "www.example.com")
    elif make.chance(0.2):
        chosen["CSRF_COOKIE_DOMAIN"] = make.pick(".example.com", "www.example.com", ".Example.com")
    if chosen:
        request["settings"] = chosen
    secret = make.letters(32)
    kept = secret if make.chance(0.8) else original._mask_cipher_secret(secret)
    if make.chance(0.1):
        kept = make.altered(kept)
    if make.chance(0.95):
        if chosen.get("CSRF_USE_SESSIONS"):
            # Django fails outright on a masked secret that is none.
            if len(kept) == 64 and original.invalid_token_chars_re.search(kept):
                kept = secret
            request["session"] = kept
        else:
            request["cookie"] = kept
    for place, share in (("post", 0.7), ("header", 0.4)):
        if make.chance(share):
            token = secret if make.chance(0.2) else original._mask_cipher_secret(secret)
            if make.chance(0.15):
                token = make.altered(token)
            if make.chance(0.05):
                token = make.pick("", make.letters(32), make.letters(64))
            request[place] = token
    if make.chance(0.6):
        request["origin"] = make.origin(host, secure)
    if make.chance(0.7):
        request["referer"] = make.referer(host, secure)
    return request


def django_says(case):
    """What Django's own middleware answers."""
    chosen = {"ALLOWED_HOSTS": case["ALLOWED_HOSTS"], **case.get("settings", {})}
    with override_settings(**chosen):
        header = settings.CSRF_HEADER_NAME
        meta = {"HTTP_HOST": case["host"], "SERVER_PORT": case["port"]}
        for name, field in (("origin", "HTTP_ORIGIN"), ("referer", "HTTP_REFERER"), ("header", header)):
            if name in case:
                meta[field] = case[name]
        request = RequestFactory().generic(case["method"], "/", secure=case["secure"], **meta)
        request.META["SERVER_PORT"] = case["port"]
        form = {"csrfmiddlewaretoken": case["post"]} if "post" in case else {}
        request.POST = form if case["method"] == "POST" else {}
        if "cookie" in case:
            request.COOKIES[settings.CSRF_COOKIE_NAME] = case["cookie"]
        request.session = {"_csrftoken": case["session"]} if "session" in case else {}
        reasons = []

        def reject(_request, reason):
            reasons.append(reason)
            return HttpResponse(status=403)

        guard = original.CsrfViewMiddleware(lambda _request: HttpResponse())
        guard._reject = reject
        guard.process_request(request)
        refused = guard.process_view(request, lambda _request: None, (), {})
        return {"accept": False, "reason": reasons[0]} if refused else {"accept": True}


def wtf_request(make):
    """A request's parts, as a vector's input."""
    key = "dev-secret"
    config = {"SECRET_KEY": key}
    if make.chance(0.1):
        config["WTF_CSRF_SECRET_KEY"] = key = make.pick("other", "third")
    if make.chance(0.1):
        config["WTF_CSRF_METHODS"] = make.pick(["PUT"], ["POST"], [], ["POST", "BREW"])
    if make.chance(0.1):
        config["WTF_CSRF_HEADERS"] = make.pick(["X-Tok"], [], ["X-Tok", "X-CSRFToken"])
    if make.chance(0.1):
        config["WTF_CSRF_TIME_LIMIT"] = make.pick(None, 10, 0, 100000)
    if make.chance(0.1):
        config["WTF_CSRF_SSL_STRICT"] = False
    if make.chance(0.05):
        config[make.pick("WTF_CSRF_ENABLED", "WTF_CSRF_CHECK_DEFAULT")] = False
    if make.chance(0.1):
        config["WTF_CSRF_FIELD_NAME"] = "tok"
    field = config.get("WTF_CSRF_FIELD_NAME", "csrf_token")
    value = "%040x" % make.random.getrandbits(160)
    host = make.pick("localhost", "localhost:5000", "localhost:443", "LOCALHOST", "a_b", "[::1]:8000", "x:0")
    if make.chance(0.6):
        host = "localhost"
    secure = make.chance(0.5)

    def token():
        signed = value if make.chance(0.9) else make.pick("%040x" % make.random.getrandbits(160), "")
        salt = "wtf-csrf-token" if make.chance(0.95) else "other"
        made = URLSafeTimedSerializer(key if make.chance(0.95) else "stranger", salt=salt)
        age = make.pick(0, 1, 10, 11, 3599, 3600, 3601, -1, 10**6) if make.chance(0.3) else 5
        with mock.patch("time.time", return_value=NOW - age):
            text = made.dumps(signed)
        if make.chance(0.1):
            text = make.altered(text)
        return text if make.chance(0.95) else make.pick("", ".", "..", "x")

    request = {
        "config": config, "now": NOW, "method": make.pick(*METHODS),
        "base": ("https://" if secure else "http://") + host,
        "session_value": value if make.chance(0.9) else None,
    }
    form = {}
    if make.chance(0.6):
        for name in make.random.sample([field, "p-" + field, "a" + field, field + "x", "other"], make.pick(1, 1, 2, 3)):
            form[name] = token()
    if form:
        # In a vector an object has no order of its own.
        request["form"] = dict(sorted(form.items()))
    headers = {}
    for name in ("X-CSRFToken", "X-CSRF-Token", "X-Tok"):
        if make.chance(0.3):
            headers[name] = token().strip()
    if make.chance(0.7):
        headers["Referer"] = make.referer(host, secure).strip().replace("\t", "")
    if headers:
        request["headers"] = headers
    return request


def wtf_says(case):
    """What Flask-WTF itself answers."""
    app = Flask(__name__)
    app.config.update(case["config"])
    wtf.CSRFProtect(app)
    field = app.config["WTF_CSRF_FIELD_NAME"]
    everything = [*set(METHODS)]
    app.add_url_rule("/", "page", lambda: "", methods=everything, provide_automatic_options=False)

    @app.errorhandler(wtf.CSRFError)
    def refused(error):
        return {"description": error.description}, 400

    scheme, host = case["base"].split("://")
    with app.test_request_context(
        "/", method=case["method"], base_url=f"{scheme}://localhost", data=case.get("form"),
        headers={**case.get("headers", {}), "Host": host},
    ), mock.patch("time.time", return_value=NOW):
        if case["session_value"] is not None:
            session[field] = case["session_value"]
        try:
            response = app.make_response(app.full_dispatch_request())
        except (TypeError, ValueError):
            return {"status": 500}
        if response.status_code == 400:
            return {"status": 400, "description": response.get_json()["description"]}
        return {"status": response.status_code}


class Differential(unittest.TestCase):
    maxDiff = None

    def agree(self, family, op, make_request, answer, seed, accepted):
        make = Generator(seed)
        # What Django draws is drawn from the seed, too.
        with mock.patch.object(original, "_get_new_csrf_string", lambda: make.letters(32)):
            requests = [make_request(make) for _ in range(REQUESTS)]
        cases = []
        for at, request in enumerate(requests):
            out = {"ok": answer(request)}
            cases.append({"id": f"{seed}.{at}", "family": family, "op": op, "in": request, "out": out})
        share = sum(map(accepted, cases)) / len(cases)
        # Neither side may be a rarity, or agreement would say little.
        self.assertTrue(0.05 < share < 0.95, f"{share:.0%} were accepted")
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / f"{family}.json"
            file.write_text(json.dumps({"cases": cases}))
            program = os.environ["SESSILE_VECTORS_PROGRAM"]
            run = subprocess.run([program, file], capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 0, (run.stdout + run.stderr)[-6000:])
        self.assertIn(f"{REQUESTS} passed, 0 failed", run.stdout)

    def test_django(self):
        self.agree(
            "django-csrf", "csrf_decide", django_request, django_says, 20261121,
            lambda case: case["out"]["ok"]["accept"],
        )

    def test_flask_wtf(self):
        self.agree(
            "flask-wtf", "wtf_protect", wtf_request, wtf_says, 20261122,
            lambda case: case["out"]["ok"]["status"] == 200,
        )


if __name__ == "__main__":
    unittest.main()
