"""A pytest plugin that puts sessile's modules in place of the originals, before any is imported.

`SESSILE_IN_PLACE` says which: `itsdangerous` or `Flask`. At the end it prints how often the
compiled part was taken, and how often Python.
"""

from __future__ import annotations

import importlib
import os
import sys

ITSDANGEROUS = ["encoding", "exc", "serializer", "signer", "timed", "url_safe", "_json"]


def in_place_of_itsdangerous() -> None:
    # Its exceptions are ours too: nothing of the original is imported at all.
    sys.modules["itsdangerous"] = None  # type: ignore[assignment]
    ours = importlib.import_module("sessile.itsdangerous")
    sys.modules["itsdangerous"] = ours
    for name in ITSDANGEROUS:
        module = importlib.import_module(f"sessile.itsdangerous.{name}")
        sys.modules[f"itsdangerous.{name}"] = module


def in_place_of_flask() -> None:
    import flask.json.tag
    import flask.sessions
    from sessile.flask import sessions, tag

    for original, ours in ((flask.sessions, sessions), (flask.json.tag, tag)):
        for name in ours.__all__:
            setattr(original, name, getattr(ours, name))
    # What Flask made while it was imported.
    flask.Flask.session_interface = sessions.SecureCookieSessionInterface()


{"itsdangerous": in_place_of_itsdangerous, "Flask": in_place_of_flask}[
    os.environ["SESSILE_IN_PLACE"]
]()


def pytest_terminal_summary(terminalreporter: object) -> None:
    from sessile import _sessile

    for operation, (rust, python) in _sessile.taken().items():
        if rust or python:
            print(f"\ntaken: {operation}: {rust} in Rust, {python} in Python", end="")
    print()
