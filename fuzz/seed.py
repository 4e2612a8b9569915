"""Writes the hand-made part of fuzz/corpus, with the originals where they have a format of theirs.

    .cache/venv/bin/python fuzz/seed.py

Same bytes every time: the clock stands at 1767323045. The files it writes start with `seed-`;
others are findings of the fuzzer and stay. `key` below is `KEY` of crates/sessile-oracles.
"""

import base64
import datetime
import decimal
import hmac
import json
import os
import pathlib
import pickle
import time
import uuid
import zlib

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"
KEY = "a key for fuzzing, known to everybody"
NOW = 1767323045
time.time = lambda: NOW

# After the clock is stopped: the originals may bind it on import.
import django.conf  # noqa: E402
import flask  # noqa: E402
import itsdangerous  # noqa: E402
import markupsafe  # noqa: E402
import msgspec  # noqa: E402
from django.core import signing  # noqa: E402
from django.middleware import csrf as django_csrf  # noqa: E402

UTC = datetime.timezone.utc
MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
PLAIN = {
    "empty": {},
    "login": {"username": "ada", "_permanent": True},
    "numbers": {"a": [0, -1, 2**31, 2**63 - 1, -(2**63), 1.5, 1e16, 1e-5, 10.0, -0.0]},
    "text": {"é": "Zoë ☃ 🦀", "quote": '"\\/\b\f\n\r\t\x7f\u2028', "": "\x00"},
    "nested": {"a": {"b": {"c": [[[{"d": None}]]]}}, "10": 1, "9": True, "z": False},
    "long": {"text": "over and over " * 40},
}


def write(target, seeds):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("seed-*"):
        old.unlink()
    for name, content in seeds.items():
        data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        (folder / f"seed-{name}").write_bytes(data)


def cookie_header():
    return {
        "one": "id=value",
        "several": "a=1; id=2; b=3",
        "twice": "id=a; id=b",
        "split": "id=a\nid=b\ntheme=dark",
        "prefix": "__Host-id=x; __Secure-id=y; __HOST-id=z",
        "prefix-encoded": "__%48ost-id=evil; ..Host-id=evil",
        "nameless": "=__Host-id=x; =; ==; id",
        "spaces": " \t id \t=\t value \t;;; ; id = a b ",
        "other-spaces": "\u00a0id=x; \u2003id=y; id\x0b=z",
        "quoted": 'id="a;b"; session="a\\073b\\"c"',
        "bytes": b"id=\xff\xfe; \x80=1; id=\x00",
        "equals": "id=a=b==; session=a.b.c",
        "crlf": "id=a\r\nSet-Cookie: id=b",
        "write": "id\0value\0/\0example.org",
        "write-prefix": "__Host-id\0value\0/",
        "write-http": "__Http-id\0value\0/app\0.example.org",
        "write-bad": "a b\0va;lue\0/; Domain=evil\0ex ample",
        "write-domain": "id\0v\0/\0b\u00fccher.example:8080",
        "quote": 'a;b,c"d\\e\u00e9\x01\x1f\x7f f',
        "flask": "session=" + flask_cookie(PLAIN["login"]),
        "django": "sessionid=abcdefghijklmnopqrstuvwxyz012345; csrftoken=x",
    }


def flask_serializer():
    app = flask.Flask("seed")
    app.secret_key = KEY
    return app.session_interface.get_signing_serializer(app)


def flask_cookie(data):
    return flask_serializer().dumps(data)


def typed():
    return {
        "bytes": {"v": b"\x00\xff"},
        "tuple": {"v": (1, (), [2, (3,)])},
        "markup": {"v": markupsafe.Markup("<b>")},
        "uuid": {"v": uuid.UUID(int=0x0123456789ABCDEF0123456789ABCDEF)},
        "datetime": {"v": MOMENT},
        "like-a-tag": {"v": {" t": 1}, "w": {" di": {" u__": 2}}},
    }


def signed_decode():
    starlette = itsdangerous.TimestampSigner(KEY)
    seeds = {}
    for name, data in PLAIN.items():
        seeds[f"flask-{name}"] = flask_cookie(data)
        seeds[f"django-{name}"] = signing.dumps(
            data, key=KEY, salt="django.contrib.sessions.SessionStore", compress=True
        )
    for name in ("empty", "login", "long"):
        text = json.dumps(PLAIN[name]).encode()
        seeds[f"starlette-{name}"] = starlette.sign(base64.b64encode(text))
    for name, data in typed().items():
        seeds[f"flask-{name}"] = flask_cookie(data)
    good = flask_cookie(PLAIN["login"])
    head = good.rsplit(".", 1)[0]
    seeds["unsigned"] = head
    seeds["bomb"] = b"." + itsdangerous.base64_encode(zlib.compress(b"[" * 200_000))
    seeds["dots"] = "...."
    seeds["tail"] = good + "!!!!"
    seeds["not-json"] = flask_serializer().make_signer(flask_serializer().salt).sign("bm90IGpzb24")
    return seeds


def tagged_json():
    serializer = flask.json.tag.TaggedJSONSerializer()
    seeds = {name: serializer.dumps(data) for name, data in {**PLAIN, **typed()}.items()}
    seeds |= {
        "surrogate": r'{"a":"\ud800","b":"\udc00\ud83e\udd80"}',
        "numbers-odd": "[NaN,Infinity,-Infinity,-0,0.0,-0.0,1E400,1e-400,123456789012345678901234567890]",
        "not-numbers": "[01,1.,.5,+1,--1,1e,0x1]",
        "duplicates": '{"a":1,"a":2,"b":{" t":[1]," t":[2]}}',
        "bad-date": '{" d":"yesterday"}',
        "bad-uuid": '{" u":"xyz"}',
        "bad-bytes": '{" b":"a"}',
        "short-di": '{" di":{"x":1}}',
        "di-two": '{" di":{"x__":1,"y__":2}}',
        "pairs": '[["a",1],["b",2]]',
        "deep": "[" * 300 + "]" * 300,
        "open": '{"a":[1,{"b":"',
        "escapes": r'"\u00e9\/\"\\\b\f\n\r\t\u0000"',
        "bad-escape": r'"\x41\u12"',
        "white": ' { "a" :\t[ 1 ,\r\n2 ] } ',
        "dates": '[{" d":"Fri, 02 Jan 2026 03:04:05 GMT"},{" d":"Thu, 01 Jan 1970 00:00:00 GMT"},'
        '{" d":"Sun, 06-Nov-94 08:49:37 GMT"},{" d":"Sun Nov  6 08:49:37 1994"},'
        '{" d":"1 Jan 0001 00:00:00 +0500"},{" d":"Fri, 31 Dec 9999 23:59:59 -2359"}]',
    }
    return seeds


def msgpack():
    encode = msgspec.msgpack.encode
    seeds = {name: encode(data) for name, data in PLAIN.items()}
    seeds |= {
        "types": encode({"b": b"\x00\xff", "t": (1, 2), "d": MOMENT, "n": None}),
        "naive": encode({"d": MOMENT.replace(tzinfo=None), "i": datetime.date(2026, 1, 2)}),
        "text-types": encode({"u": uuid.UUID(int=1), "d": decimal.Decimal("1.50")}),
        "unsigned": encode({"a": 2**64 - 1, "b": 2**63}),
        "keys": encode({1: "a", None: "b", 1.5: "c", b"d": "e", (1, 2): "f"}),
        "long-forms": encode({"a": "x" * 300, "b": b"y" * 300, "c": list(range(40))}),
        "time-32": bytes.fromhex("81a164d6ff695735a5"),
        "time-64": bytes.fromhex("81a164d7ff00000004695735a5"),
        "time-96": bytes.fromhex("81a164c70cff00000001ffffffffffffffff"),
        "time-bad": bytes.fromhex("81a164d7ffffffffff00000000"),
        "ext": bytes.fromhex("81a164d40500"),
        "cut": bytes.fromhex("82a161"),
        "huge-map": bytes.fromhex("dfffffffff"),
        "huge-bin": bytes.fromhex("81a161c6ffffffff"),
        "deep": b"\x91" * 300 + b"\x90",
        "bad-utf8": bytes.fromhex("81a161a2c328"),
        "surrogate": bytes.fromhex("81a161a3eda080"),
        "wide": bytes.fromhex("81d90161d30000000000000001"),
        "never-used": b"\xc1",
        "json": b'{"_permanent":true,"value":"42"}',
        "pickle": bytes.fromhex("80059520000000") + b"\x00.",
    }
    return seeds


def pickles():
    shared = ["x"]
    data = {
        **PLAIN,
        "types": {"b": b"\x00\xff", "t": (1, (2,), ()), "s": {1}, "f": frozenset({2}), "n": None},
        "large": {"i": 2**70, "j": -(2**70), "k": 2**2100, "a": bytearray(b"ab")},
        "shared": [shared, shared, [shared]],
    }
    seeds = {}
    for protocol in range(6):
        for name in data if protocol in (0, 5) else ("login", "types"):
            seeds[f"{name}-{protocol}"] = pickle.dumps(data[name], protocol)
    seeds |= {
        # Each list holds the one before it ten times.
        "laughs": b"\x80\x02]q\x00" + b"".join(
            b"](" + (b"h" + bytes([i])) * 10 + b"eq" + bytes([i + 1])
            for i in range(12)
        ) + b".",
        "itself": b"\x80\x02]q\x00h\x00a.",
        "deep": b"\x80\x02" + b"]" * 300 + b"a" * 299 + b".",
        "code": b"cos\nsystem\n(S'id'\ntR.",
        "code-4": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.",
        "date": pickle.dumps({"d": MOMENT}),
        "huge": b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x7f.",
        "long4": b"\x80\x02\x8b\xff\xff\xff\x7f.",
        "memo": b"\x80\x02r\xff\xff\xff\xffN.",
    }
    return seeds


def native_record():
    """Byte for byte after docs/native-format.md."""
    text = lambda s: bytes([len(s)]) + s.encode()  # noqa: E731
    login = b"\x01\x01" + bytes([len("user") << 1]) + b"user\x06" + text("ada")
    return {
        "map-login": login,
        "map-empty": b"\x01\x00",
        "map-newer": b"\x02\x00",
        "map-cut": login[:-2],
        "map-huge": b"\x01\xff\xff\xff\xff\x0f",
        "map-long-varint": b"\x01" + b"\xff" * 10 + b"\x01",
        "map-tags": b"\x01\x03" + b"".join(b"\x02" + bytes([97 + i, i]) for i in range(3)),
        "map-deep": b"\x01\x01\x02a" + b"\x08\x01" * 300,
        **{f"map-tag-{tag:02}": b"\x01\x01\x02a" + bytes([tag]) + b"\x02" * 24 for tag in range(24)},
        "record-bare": b"\x02\x00" + login,
        "record-all": b"\x02\xff" + b"\x80\x01" * 6 + text("ada") + login,
        "entry-live": b"\x01\x00\x07\x02\x00" + login,
        "entry-foreign": b"\x01\x01\x03abc\x02\x00" + login,
        "entry-moved": b"\x01\x02\x80\x01" + bytes(range(32)),
        "entry-moved-foreign": b"\x01\x03\x80\x01session:abc",
        "json": b'{"a":1}',
        "nothing": b"",
    }


def native_cookie():
    """After docs/native-format.md, with nothing but hashlib and hmac."""
    text = lambda s: len(s).to_bytes(8, "big") + s.encode()  # noqa: E731
    context = b"".join(map(text, ["sessile/v1/signed-session", "__Host-id", "shop"]))
    derived = hmac.digest(KEY.encode(), context, "sha256")
    record = native_record()["record-all"]
    signed = hmac.digest(derived, record, "sha256") + record
    value = "s1" + base64.urlsafe_b64encode(signed).decode().rstrip("=")
    return {
        "signed": value,
        "padded": value + "=",
        "sealed-by-nobody": "e1" + base64.urlsafe_b64encode(bytes(60)).decode(),
        "newer": "s2" + value[2:],
        "short": "s1AAAA",
        "long": "s1" + "A" * 5000,
        "record": record,
    }


SECRET = "lcccccccX2kcccccccY2jcccccccssIC"
SALT = bytes(range(16))


def native_token(secret, salt=SALT):
    """`base64url(salt ‖ HMAC-SHA256(secret, len ‖ purpose ‖ len ‖ salt))`."""
    parts = [b"sessile csrf token 1", salt]
    message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    mac = hmac.digest(secret, message, "sha256")
    return base64.urlsafe_b64encode(salt + mac).decode()


def django_token(secret, mask="0123456789abcdefghijklmnopqrstuv"):
    letters = django_csrf.CSRF_ALLOWED_CHARS
    cipher = (letters[(letters.index(a) + letters.index(b)) % 62] for a, b in zip(secret, mask))
    token = mask + "".join(cipher)
    assert django_csrf._unmask_cipher_token(token) == secret
    return token


def wtf_token(value, salt="wtf-csrf-token"):
    return itsdangerous.URLSafeTimedSerializer(KEY, salt=salt).dumps(value)


def csrf_request():
    secret = bytes(range(32))
    kept = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
    ours = native_token(secret)
    masked = django_token(SECRET)
    sha1 = "aabbccddeeff00112233445566778899aabbccdd"
    own, host = "https://shop.example", "shop.example"

    def request(**given):
        parts = {
            "method": "POST", "tls": "s", "host": host, "origin": own, "referer": None,
            "site": None, "secret": SECRET, "form": None, "header": masked,
        } | given
        return "\0".join("~" if part is None else part for part in parts.values())

    seeds = {
        "native": request(secret=kept, header=ours),
        "native-form": request(secret=kept, form=ours, site="same-origin"),
        "native-trusted": request(
            secret=kept, header=ours, origin="https://trusted.example:8443", site="cross-site"
        ),
        "native-referer": request(secret=kept, header=ours, origin=None, referer=own + "/a?b#c"),
        "native-port": request(secret=kept, header=ours, origin=own + ":443", host=host + ":0443"),
        "native-silent": request(secret=kept, header=ours, origin=None),
        "native-padded": request(secret=kept, header=ours + "=="),
        "wtf": request(secret=sha1, form=wtf_token(sha1), referer=own + "/pay"),
        "wtf-other": request(secret=sha1, form=wtf_token("x"), referer=own),
        "wtf-salt": request(secret=sha1, form=wtf_token(sha1, "session"), referer=own),
        "wtf-number": request(secret=sha1, form=wtf_token(7), referer=own),
        "wtf-compressed": request(secret="a" * 200, form=wtf_token("a" * 200), referer=own),
        "wtf-accents": request(secret="é", form=wtf_token("é"), referer=own),
        "wtf-port": request(secret=sha1, header=wtf_token(sha1), host=host + ":443", referer=own),
        "wtf-clear": request(secret=sha1, header=wtf_token(sha1), tls="", referer=None),
        "django": request(),
        "django-bare": request(header=SECRET),
        "django-form": request(form=masked, header=None),
        "django-empty-form": request(form=""),
        "django-old-cookie": request(secret=masked),
        "django-referer": request(origin=None, referer="https://www.shop.example/x"),
        "django-sub": request(origin="https://a.trusted.example"),
        "django-apex": request(origin="https://trusted.example"),
        "django-pay": request(origin=None, referer="https://pay.example/?a"),
        "django-ipv6": request(origin="https://[::1]:8000", host="[::1]:8000"),
        "django-clear": request(tls="", origin=None),
        "odd-scheme": request(origin=None, referer=" \tHT\nTPS://shop.example"),
        "odd-user": request(origin=None, referer="https://shop.example@evil.example/"),
        "odd-suffix": request(origin="https://shop.example.evil.example"),
        "odd-null": request(origin="null"),
        "odd-nfkc": request(origin="https://shop.example\u2100evil", referer=None),
        "odd-brackets": request(origin="https://[v1.x]", host="[::1%25x]"),
        "odd-port": request(origin=own + ":99999", host=host + ":99999"),
        "odd-method": request(method="post"),
        "safe": request(method="GET", origin="null"),
    }
    pages = ["/a?b=c#d", "//evil.example", "/\\evil.example", "/%2f/evil.example", "/..//evil"]
    return seeds | {"pages": "\0".join(pages)}


def csrf_form():
    names = ["csrf_token", "csrfmiddlewaretoken"]
    url, form = "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"

    def parts(*given, end="--b--\r\n"):
        return "".join(
            f"--b\r\nContent-Disposition: form-data; name={name}\r\n\r\n{value}\r\n"
            for name, value in given
        ) + end

    both = [(f'"{name}"', "@T@") for name in names]
    file = '"csrf_token"; filename="a.txt"'
    return {
        "urlencoded": f"{url}\n\n" + "&".join(f"{name}=@T@" for name in names),
        "urlencoded-pieces": f"{url}; charset=utf-8\n123\na=1&csrf_token=@T@&b=%zz&c=%ff",
        "urlencoded-twice": f"{url}\n12\ncsrf_token=@T@&csrf_token=x&csrfmiddlewaretoken=x",
        "urlencoded-prefix": f"{url}\n\np-csrf_token=@T@&csrf_token=",
        "urlencoded-encoded": f"{url}\n\n%63srf_token=%40T%40&csrf_token=+@T@+",
        "urlencoded-long": f"{url}\n\na=" + "x" * 2100 + "&csrf_token=@T@",
        "multipart": f"{form}\n\n" + parts(*both),
        "multipart-pieces": f"{form}\n1234567\n" + parts(("a", "x\r\n--c"), *both),
        "multipart-file": f"{form}\n\n" + parts((file, "@T@")),
        "multipart-open": f"{form}\n\n" + parts(*both, end=""),
        "multipart-cut": f"{form}\n\n--b\r\nContent-Disposition: form-data; name=\"csrf_token",
        "multipart-empty": f"{form}\n\n--b--\r\n@T@",
        "multipart-latin1": f"{form}\n\n".encode()
        + b"--b\r\nContent-Disposition: form-data; name=\"\xe9\xff\"\r\n\r\n\xff\r\n--b--\r\n",
        "multipart-nested": f"{form}\n\n--b\r\nContent-Disposition: form-data; name=x\r\n"
        "Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n@T@\r\n--c--\r\n--b--\r\n",
        "multipart-no-boundary": "multipart/form-data\n\n" + parts(*both),
        "json": 'application/json\n\n{"csrf_token": "@T@"}',
        "nothing": "",
    }


def main():
    os.umask(0o022)
    django.conf.settings.configure(SECRET_KEY=KEY)
    write("pickle", pickles())
    made = (cookie_header, csrf_form, csrf_request, signed_decode, tagged_json)
    for make in (*made, msgpack, native_cookie, native_record):
        write(make.__name__, make())


if __name__ == "__main__":
    main()
