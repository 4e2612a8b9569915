"""Applications with Flask's session interface and with ours, at one moment."""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Callable, Iterator
from typing import Any

import flask
import flask.sessions
import pytest
from sessile import _sessile
from sessile.flask import SecureCookieSessionInterface

NOW = 1_767_323_045
INTERFACES = [flask.sessions.SecureCookieSessionInterface, SecureCookieSessionInterface]


class Clock(datetime.datetime):
    """The moment `NOW`, where Flask asks `datetime.now`."""

    at = float(NOW)

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return datetime.datetime.fromtimestamp(cls.at, tz)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    monkeypatch.setattr(flask.sessions, "datetime", Clock)

    def at(now: float) -> None:
        monkeypatch.setattr(Clock, "at", float(now))
        monkeypatch.setattr(time, "time", lambda: float(now))

    at(NOW)
    return at


def application(interface: Any = SecureCookieSessionInterface, **config: Any) -> flask.Flask:
    app = flask.Flask("cookies")
    app.config.update({"SECRET_KEY": "dev-secret", **config})
    app.session_interface = interface()
    return app


def changed(interface: Any, **attributes: Any) -> Any:
    return type("Changed", (interface,), attributes)


@contextlib.contextmanager
def counted(*operations: str) -> Iterator[Callable[[], tuple[int, int]]]:
    """How often these were done in Rust, and in Python, since the block began."""

    def now() -> tuple[int, int]:
        all = _sessile.taken()
        return sum(all[it][0] for it in operations), sum(all[it][1] for it in operations)

    before = now()
    yield lambda: (now()[0] - before[0], now()[1] - before[1])
