"""Stores by address in processes that fork, wait and end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from conftest import RedisServer, free_port


SITE = """
import sys
from flask import Flask, session
from sessile.flask import Sessile

def make(url):
    app = Flask("site")
    app.config["SESSION_DEVELOPMENT"] = True
    Sessile(app, store=url)

    @app.get("/set/<key>")
    def put(key):
        session[key] = key
        return "set"

    @app.get("/all")
    def everything():
        return ",".join(sorted(session))

    return app
"""


def run(tmp_path: Path, code: str, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess:  # type: ignore[type-arg]
    (tmp_path / "site_of_ours.py").write_text(SITE)
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(code))
    return subprocess.run(
        [sys.executable, str(program), *arguments], capture_output=True, timeout=timeout, text=True
    )


def test_sixty_forks_under_four_loading_threads(tmp_path, redis_server: RedisServer) -> None:  # type: ignore[no-untyped-def]
    code = """
    import os, sys, threading
    from site_of_ours import make

    app = make(sys.argv[1])
    first = app.test_client()
    first.get("/set/a")
    cookie = first.get_cookie("session") or next(iter(first._cookies.values()))
    headers = {"Cookie": f"{cookie.key}={cookie.value}"}
    going = True

    def load():
        client = app.test_client(use_cookies=False)
        while going:
            assert client.get("/all", headers=headers).text.startswith("a")

    threads = [threading.Thread(target=load, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    children = []
    for n in range(60):
        pid = os.fork()
        if pid == 0:
            client = app.test_client(use_cookies=False)
            good = client.get("/all", headers=headers).text.startswith("a")
            good = good and client.get(f"/set/k{n}", headers=headers).status_code == 200
            if n % 10 == 0:
                # A fork of a fork.
                grandchild = os.fork()
                if grandchild == 0:
                    text = app.test_client(use_cookies=False).get("/all", headers=headers).text
                    os._exit(0 if f"k{n}" in text.split(",") else 1)
                good = good and os.waitpid(grandchild, 0)[1] == 0
            if n % 2:
                os._exit(0 if good else 1)
            sys.exit(0 if good else 1)
        children.append(pid)
    bad = [pid for pid in children if os.waitpid(pid, 0)[1] != 0]
    going = False
    for thread in threads:
        thread.join()
    keys = app.test_client(use_cookies=False).get("/all", headers=headers).text.split(",")
    assert not bad, bad
    assert set(keys) == {"a"} | {f"k{n}" for n in range(60)}, keys
    print("good")
    """
    done = run(tmp_path, code, redis_server.url)
    assert done.returncode == 0 and done.stdout.endswith("good\n"), done.stderr


def frozen_port() -> socket.socket:
    """A server that takes connections and never answers."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(16)
    return server


def test_ctrl_c_is_heard_while_a_store_does_not_answer(tmp_path) -> None:  # type: ignore[no-untyped-def]
    code = """
    import sys
    from sessile._app import App
    app = App(sys.argv[1], {"SESSION_DEVELOPMENT": True, "SESSION_STORE_TIMEOUT": 100})
    print("waiting", flush=True)
    app.of("ada")
    """
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(code))
    with frozen_port() as server:
        url = f"redis://127.0.0.1:{server.getsockname()[1]}"
        process = subprocess.Popen(
            [sys.executable, str(program), url],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        try:
            assert process.stdout is not None and process.stdout.readline() == "waiting\n"
            # It waits for the store once the store has its connection.
            connection, _ = server.accept()
            with connection:
                process.send_signal(signal.SIGINT)
                _, errors = process.communicate(timeout=20)
        finally:
            process.kill()
            process.wait()
    assert "KeyboardInterrupt" in errors, errors


def test_a_process_ends_while_its_store_is_at_work(tmp_path, redis_server: RedisServer) -> None:  # type: ignore[no-untyped-def]
    code = """
    import sys, threading
    from site_of_ours import make

    app = make(sys.argv[1])
    app.test_client().get("/set/a")
    begun = threading.Event()

    def work():
        while True:
            app.test_client().get("/set/b")
            begun.set()

    for _ in range(3):
        threading.Thread(target=work, daemon=True).start()
    begun.wait(30)
    print("good", flush=True)
    """
    for _ in range(5):
        done = run(tmp_path, code, redis_server.url, timeout=30)
        assert (done.returncode, done.stdout) == (0, "good\n"), done.stderr


@pytest.mark.parametrize("worker", ["sync", "gthread"])
def test_gunicorn_that_loads_before_it_forks(tmp_path, redis_server: RedisServer, worker) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "site_of_ours.py").write_text(SITE)
    # The store has worked in the parent before its workers are forked.
    (tmp_path / "served.py").write_text(
        f"from site_of_ours import make\napp = make({redis_server.url!r})\n"
        "assert app.test_client().get('/set/x').status_code == 200\n"
    )
    port = free_port()
    process = subprocess.Popen(
        [
            sys.executable, "-m", "gunicorn", "--preload", "--workers", "3", "--threads", "4",
            "--worker-class", worker, "--bind", f"127.0.0.1:{port}", "served:app",
        ],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.02)

        def get(path: str, cookie: str = ""):  # type: ignore[no-untyped-def]
            request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
            if cookie:
                request.add_header("Cookie", cookie)
            with urllib.request.urlopen(request, timeout=30) as reply:
                return reply.headers.get("Set-Cookie", "").partition(";")[0], reply.read().decode()

        cookie, _ = get("/set/a")
        threads = [
            threading.Thread(target=get, args=(f"/set/k{n}", cookie)) for n in range(24)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert get("/all", cookie)[1] == ",".join(sorted({"a"} | {f"k{n}" for n in range(24)}))
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_importing_and_making_connects_to_nothing() -> None:
    with frozen_port() as server:
        server.setblocking(False)
        from sessile.wsgi import Sessions

        Sessions(lambda *_: [], f"redis://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(BlockingIOError):
            server.accept()
