"""Starting a web application for a test, and a client with a cookie jar that keeps every header."""

import collections
import http.client
import json
import os
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent

Site = collections.namedtuple("Site", "port is_ours")


class Server:
    """A program that prints `Listening on http://HOST:PORT` when ready and stops at SIGTERM.

    One that serves several sites prints such a line for each; they are in `sites`.
    """

    def __init__(self, command, sites=1, is_ours=False, **environment):
        self.errors = tempfile.TemporaryFile()
        self.folder = tempfile.TemporaryDirectory(prefix="sessile-live-")
        self.process = subprocess.Popen(
            [str(it) for it in command],
            cwd=self.folder.name,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        lines = queue.Queue()
        self.reader = threading.Thread(target=self._read, args=(lines,), daemon=True)
        self.reader.start()
        try:
            self.sites = [Site(self._port(command, lines), is_ours) for _ in range(sites)]
            self.port, self.is_ours = self.sites[0]
        except BaseException:
            self.stop()
            raise

    def stop(self):
        """Stops it and gives its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the server did not stop at SIGTERM within 10 s") from None
        finally:
            self.reader.join()
            self.process.stdout.close()
            self.errors.close()
            self.folder.cleanup()

    def _read(self, lines):
        # Read on to the end, or a chatty server would block on a full pipe.
        for line in self.process.stdout:
            lines.put(line)
        lines.put(None)

    def _port(self, command, lines):
        seen = []
        while True:
            try:
                line = lines.get(timeout=120)
            except queue.Empty:
                line = None
            if line is None:
                self.errors.seek(0)
                said = "".join(seen) + self.errors.read().decode(errors="replace")
                raise AssertionError(f"{command} never said it was listening; it said:\n{said}")
            seen.append(line)
            if line.startswith("Listening on "):
                return urllib.parse.urlsplit(line.split()[-1]).port


def flask(**environment):
    return Server([sys.executable, HERE / "flask_app.py"], **environment)


def demo(profile, **environment):
    """The Rust demo site, by $SESSILE."""
    program = os.environ.get("SESSILE")
    if not program:
        raise unittest.SkipTest("$SESSILE is not set: run `cargo xtask interop`")
    command = [program, "demo", "--profile", profile, "--port", "0"]
    return Server(command, is_ours=True, **environment)


def server_url(name):
    """The address of a server that `cargo xtask servers` started."""
    variable = f"SESSILE_TEST_{name.upper()}_URL"
    if variable not in os.environ:
        raise AssertionError(f"${variable} is not set: run `cargo xtask interop`")
    return os.environ[variable]


class Client:
    """A visitor. The cookies belong to the client, so it may go from one server to another."""

    def __init__(self):
        self.cookies = {}
        self.headers = []

    def copy(self):
        """Another who has the same cookies."""
        other = Client()
        other.cookies = dict(self.cookies)
        return other

    def request(self, server, method, path, body=None, content_type=None):
        """Status and text; `headers` holds what came with them, `cookies` is brought up to date."""
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        # What a browser says of a page's own requests.
        headers = {"Accept": "*/*", "Sec-Fetch-Site": "same-origin"}
        if content_type:
            headers["Content-Type"] = content_type
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        self.headers = response.getheaders()
        for cookie in self.set_cookies():
            self._keep(cookie)
        return response.status, text

    def form(self, server, path, **fields):
        """Sends a form as a page's: the demo's carry a token."""
        if server.is_ours:
            status, text = self.request(server, "GET", "/api/csrf")
            assert status == 200, (status, text)
            proof = json.loads(text)
            fields[proof["field"]] = proof["token"]
        body = urllib.parse.urlencode(fields)
        return self.request(server, "POST", path, body, "application/x-www-form-urlencoded")

    def data(self, server):
        """The whole session as the server sees it, values in tagged JSON."""
        status, text = self.request(server, "GET", "/api/session")
        assert status == 200, (status, text)
        return json.loads(text)["data"]

    def change(self, server, remove=(), **values):
        changes = json.dumps({"set": values, "remove": list(remove)})
        status, text = self.request(server, "POST", "/api/session", changes, "application/json")
        assert status == 200, (status, text)
        return json.loads(text)["data"]

    def header(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def set_cookies(self):
        return self.header("Set-Cookie")

    def _keep(self, header):
        pair, *attributes = header.split("; ")
        name, _, value = pair.partition("=")
        if "Max-Age=0" in attributes:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value
