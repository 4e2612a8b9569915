"""Headless Chromium through the WebDriver protocol: plain JSON over HTTP, standard library only.

    with Browser() as browser:
        browser.open("http://127.0.0.1:5000/")
        browser.type("input[name=username]", "ada")
        browser.click("button[type=submit]")
        browser.wait_for_text("Logged in as ada")
        browser.screenshot("logged-in")

https://www.w3.org/TR/webdriver2/ is the protocol.
"""

import base64
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The key under which WebDriver hands out elements.
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-prefers-reduced-motion",
]


class WebDriverError(Exception):
    """The driver refused a command; `kind` is its error code, such as "no such element"."""

    def __init__(self, kind, message):
        super().__init__(f"{kind}: {message}")
        self.kind = kind


class Browser:
    """One browser with an empty profile. Close it, or use it as a context manager."""

    def __init__(self, width=1280, height=900, javascript=True):
        self.profile = tempfile.mkdtemp(prefix="sessile-browser-")
        self.session = None
        self.process = subprocess.Popen(
            [find("chromedriver"), "--port=0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            self.address = self._address()
            options = {
                "binary": find("chromium"),
                "args": [
                    *FLAGS,
                    f"--user-data-dir={self.profile}",
                    f"--window-size={width},{height}",
                ],
            }
            wanted = {"browserName": "chrome", "goog:chromeOptions": options}
            answer = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
            self.session = answer["sessionId"]
            if not javascript:
                # The DevTools protocol: WebDriver itself has no such switch.
                self._command(
                    "POST",
                    "/goog/cdp/execute",
                    {"cmd": "Emulation.setScriptExecutionDisabled", "params": {"value": True}},
                )
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the browser and its driver and removes the profile."""
        try:
            if self.session is not None:
                self._command("DELETE", "")
        except (OSError, WebDriverError):
            pass  # It died first; the process is reaped below all the same.
        finally:
            self.session = None
            self.process.terminate()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process.stdout.close()
            shutil.rmtree(self.profile, ignore_errors=True)

    # Where we are

    def open(self, url):
        """Goes to an address and waits until the page is loaded."""
        self._command("POST", "/url", {"url": url})

    def reload(self):
        self._command("POST", "/refresh", {})

    def back(self):
        self._command("POST", "/back", {})

    @property
    def url(self):
        return self._command("GET", "/url")

    @property
    def title(self):
        return self._command("GET", "/title")

    @property
    def source(self):
        return self._command("GET", "/source")

    # What is on the page

    def find(self, css):
        """The first element; WebDriverError "no such element" when there is none."""
        return self._command("POST", "/element", _by(css))[ELEMENT]

    def find_all(self, css):
        return [it[ELEMENT] for it in self._command("POST", "/elements", _by(css))]

    def exists(self, css):
        return bool(self.find_all(css))

    def text(self, css="body"):
        """The text a person sees in the first such element."""
        return self._command("GET", f"/element/{self.find(css)}/text")

    def attribute(self, css, name):
        return self._command("GET", f"/element/{self.find(css)}/attribute/{name}")

    def value(self, css):
        """What an input field holds now."""
        return self._command("GET", f"/element/{self.find(css)}/property/value")

    # What a person does

    def click(self, css):
        self._command("POST", f"/element/{self.find(css)}/click", {})

    def follow(self, css):
        """Clicks what leads to another page, such as a form's button, and waits for that page.

        A click alone may return before the browser has left the old one.
        """
        before = self.find("html")
        self.click(css)
        arrived = "return document.readyState === 'complete'"
        self.wait_for(lambda it: it.find("html") != before and it.script(arrived))

    def type(self, css, text):
        """Empties a field and types into it."""
        element = self.find(css)
        self._command("POST", f"/element/{element}/clear", {})
        self._command("POST", f"/element/{element}/value", {"text": text})

    def script(self, source, *arguments):
        """Runs JavaScript and gives what it returns."""
        body = {"script": source, "args": list(arguments)}
        return self._command("POST", "/execute/sync", body)

    def bypass_policies(self):
        """Pages' Content-Security-Policy counts for nothing from now on."""
        body = {"cmd": "Page.setBypassCSP", "params": {"enabled": True}}
        self._command("POST", "/goog/cdp/execute", body)

    def resize(self, width, height):
        self._command("POST", "/window/rect", {"width": width, "height": height})

    # Cookies

    def cookies(self):
        """The cookies of the page shown, name to attributes, HttpOnly ones too."""
        return {it["name"]: it for it in self._command("GET", "/cookie")}

    def set_cookie(self, name, value, **attributes):
        cookie = {"name": name, "value": value, **attributes}
        self._command("POST", "/cookie", {"cookie": cookie})

    def clear_cookies(self):
        self._command("DELETE", "/cookie")

    # Waiting and looking

    def wait_for(self, condition, seconds=10):
        """Polls until `condition(self)` is true and returns its value."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                value = condition(self)
                if value:
                    return value
            except WebDriverError as error:
                # The page may be changing under us.
                if error.kind not in ("no such element", "stale element reference"):
                    raise
            if time.monotonic() > deadline:
                seen = self.text()[:2000]
                raise AssertionError(f"waited {seconds} s in vain at {self.url}; it shows:\n{seen}")
            time.sleep(0.05)

    def wait_for_text(self, text, css="body", seconds=10):
        return self.wait_for(lambda it: text in it.text(css), seconds)

    def screenshot(self, name):
        """Saves what is seen as NAME.png in target/screenshots and returns its path."""
        if not re.fullmatch(r"[a-z0-9-]+", name):
            raise ValueError(f"{name!r} is no name for a picture: use a-z, 0-9 and -")
        folder = pathlib.Path(os.environ.get("SESSILE_SCREENSHOTS", ROOT / "target/screenshots"))
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.png"
        path.write_bytes(base64.b64decode(self._command("GET", "/screenshot")))
        return path

    # The protocol

    def _address(self):
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            started = re.search(r"started successfully on port (\d+)", line)
            if started:
                return f"http://127.0.0.1:{started.group(1)}"
        raise RuntimeError(f"chromedriver did not start: {''.join(lines)}")

    def _command(self, method, path, body=None):
        return self._call(method, f"/session/{self.session}{path}", body)

    def _call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, method=method)
        request.add_header("Content-Type", "application/json; charset=utf-8")
        try:
            with LOCAL.open(request, timeout=60) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            with error:
                value = json.load(error)["value"]
            raise WebDriverError(value["error"], value["message"]) from None


# Never through a proxy: the driver is on this machine.
LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def find(program):
    path = shutil.which(program)
    if path is None:
        raise RuntimeError(
            f"{program} is not installed; on Debian: apt-get install chromium chromium-driver"
        )
    return path


def _by(css):
    return {"using": "css selector", "value": css}
