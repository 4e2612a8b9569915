"""An address of Redis means to sessile what it means to the users' client.

What the client writes at an address of docs/addresses.md is found by `sessile list` at the same
one; what sessile refuses it refuses by the parameter's name. $SESSILE is the `sessile` program.
"""

import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

import msgspec
import redis

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from live import HERE  # noqa: E402

TABLE = HERE.parent / "docs" / "addresses.md"
PASSWORD = "p@ss word"


def rows(heading):
    """The rows of a table: the address or parameter, and what is said of it."""
    text = TABLE.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([^`]*)` \| (.*) \|$", text, re.M)


def ours(address, *more):
    """What `sessile list` says at an address, given where nobody else sees it."""
    return subprocess.run(
        [os.environ["SESSILE"], "list", "--json", "--limit", "1000", *more],
        env={**os.environ, "SESSION_PROFILE": "flask_session", "SESSION_URL": address},
        capture_output=True,
        text=True,
        timeout=60,
    )


class Redis(unittest.TestCase):
    """A server with a user, a socket and TLS by an authority of its own."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="sessile-addresses-")
        cls.addClassCleanup(folder.cleanup)
        at = pathlib.Path(folder.name)
        for name, more in (
            ("ca", ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]),
            ("server", ["-CA", at / "ca.pem", "-CAkey", at / "ca.key",
                        "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                        "-addext", "basicConstraints=critical,CA:FALSE"]),
        ):
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                 "-out", at / f"{name}.pem", "-keyout", at / f"{name}.key", *more],
                check=True, capture_output=True,
            )
        ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        port, tls_port = (it.getsockname()[1] for it in ports)
        for it in ports:
            it.close()
        cls.words = {
            "HOST": f"127.0.0.1:{port}", "TLSHOST": f"127.0.0.1:{tls_port}",
            "SOCKET": str(at / "redis.sock"), "CA": str(at / "ca.pem"),
            "CERT": str(at / "server.pem"), "KEY": str(at / "server.key"),
        }
        (at / "redis.conf").write_text("\n".join([
            f"port {port}", f"tls-port {tls_port}", "bind 127.0.0.1", f"dir {at}", 'save ""',
            f"unixsocket {at}/redis.sock", f"tls-cert-file {at}/server.pem",
            f"tls-key-file {at}/server.key", f"tls-ca-cert-file {at}/ca.pem",
            "tls-auth-clients optional",
            f'requirepass "{PASSWORD}"', f'user me on "#{sha256(PASSWORD)}" ~* &* +@all', "",
        ]))
        with open(at / "log", "w") as log:
            cls.server = subprocess.Popen(["redis-server", at / "redis.conf"], stdout=log)
        cls.addClassCleanup(cls.server.wait)
        cls.addClassCleanup(cls.server.terminate)
        until = time.monotonic() + 30
        while not (at / "redis.sock").exists():
            if time.monotonic() > until:
                raise AssertionError((at / "log").read_text())
            time.sleep(0.01)

    def filled(self, address):
        for word, value in self.words.items():
            address = re.sub(rf"\b{word}\b", lambda _, value=value: value, address)
        return address

    def test_d10_redis_py_and_sessile_meet_at_every_address(self):
        table = rows("Redis and Valkey: addresses")
        self.assertGreater(len(table), 10)
        for address, said in table:
            with self.subTest(address):
                address = self.filled(address)
                number = uuid.uuid4().hex
                client = redis.Redis.from_url(address)
                self.addCleanup(client.close)
                client.set(f"session:{number}", msgspec.msgpack.encode({"user": 1}), ex=600)
                found = ours(address)
                if said.startswith("refused"):
                    self.assertNotEqual(found.returncode, 0)
                    name = re.search(r"`(\w+)`", said)[1]
                    self.assertIn(f"`{name}`", found.stderr)
                else:
                    self.assertEqual(found.returncode, 0, found.stderr)
                    # It is there, and in this database alone.
                    others = int(client.dbsize())
                    self.assertEqual(len(found.stdout.splitlines()), others, found.stderr)
                    self.assertGreater(others, 0)
                client.flushdb()
                self.assertEqual(ours(address).stdout.strip() if found.returncode == 0 else "", "")
                self.assertNotIn(PASSWORD, found.stderr)

    def test_d09_what_sessile_takes_in_no_address_is_refused_by_its_name(self):
        for name in ("client_name", "ssl_ca_path", "ssl_ciphers", "ssl_min_version", "timeout"):
            with self.subTest(name):
                found = ours(f"rediss://127.0.0.1:1?{name}=3")
                self.assertNotEqual(found.returncode, 0)
                self.assertIn(f"`{name}`", found.stderr)


def sha256(text):
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


if __name__ == "__main__":
    unittest.main()
