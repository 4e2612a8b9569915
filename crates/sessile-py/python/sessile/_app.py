"""What the doors of Flask, WSGI and ASGI share: settings, a store, the sessions of one application."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from ._drive import arun, run
from ._sessile import Engine, Exchange, settings_of
from .exceptions import ConfigError, SessileError
from .stores import from_client

__all__ = ["App", "SessionInfo", "answer_of"]

LOGGER = logging.getLogger("sessile")

Field = tuple[str, bytes]
Edit = tuple[bool, str, bytes]


@dataclass(frozen=True)
class SessionInfo:
    """One session in a list of a user's."""

    #: Its public name, for `end`. Never its id.
    handle: str
    subject: str | None
    created: datetime | None
    #: Its last activity that was written down.
    seen: datetime | None
    #: When its user last logged in.
    authenticated: datetime | None
    permanent: bool
    data: dict[str, Any]


def _info(found: dict[str, Any]) -> SessionInfo:
    for name in ("created", "seen", "authenticated"):
        if found[name] is not None:
            found[name] = datetime.fromtimestamp(found[name], timezone.utc)
    return SessionInfo(**found)


def _plain(name: str, value: Any) -> Any:
    """A setting's value as `sessile._sessile.Engine` takes it."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise ConfigError(f"{name} holds bytes that are not UTF-8; give text") from None
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(name, item) for item in value]
    return value


class App:
    """An application's sessions, by settings of the names in docs/configuration.md."""

    def __init__(self, store: Any = None, settings: Mapping[str, Any] | None = None) -> None:
        given = {name: value for name, value in (settings or {}).items() if value is not None}
        if isinstance(store, str):
            given["SESSION_URL"] = store
        self.store, told = from_client(store)
        pairs = [(name, _plain(name, value)) for name, value in given.items()]
        self.engine = Engine(pairs, told)

    def begin(
        self,
        method: str,
        is_https: bool,
        authority: str | None,
        path: str,
        query: str | None,
        fields: Iterable[Field],
    ) -> Exchange:
        return self.engine.begin(method, is_https, authority, path, query, list(fields))

    def of(self, subject: str) -> list[SessionInfo]:
        """The live sessions of a user, newest first."""
        return [_info(it) for it in run(self.engine.sessions_of(subject), self.store)]

    def end(self, subject: str, handle: str) -> bool:
        """Ends one session of a user. Whether there was one."""
        return bool(run(self.engine.end(subject, handle), self.store))

    def end_all(self, subject: str) -> int:
        """Ends every session of a user. How many there were."""
        return int(run(self.engine.end_all(subject), self.store))

    async def aof(self, subject: str) -> list[SessionInfo]:
        """As `of`, in asyncio."""
        return [_info(it) for it in await arun(self.engine.sessions_of(subject), self.store)]

    async def aend(self, subject: str, handle: str) -> bool:
        """As `end`, in asyncio."""
        return bool(await arun(self.engine.end(subject, handle), self.store))

    async def aend_all(self, subject: str) -> int:
        """As `end_all`, in asyncio."""
        return int(await arun(self.engine.end_all(subject), self.store))


def settings_in(
    config: Mapping[str, Any], defaults: Mapping[str, Any], store: Any
) -> dict[str, Any]:
    """The settings of sessile in a framework's configuration, without the framework's defaults and
    without those that mean nothing here: they are for others."""
    profile = str(config.get("SESSION_PROFILE") or "native")
    given = {name: config[name] for name in settings_of(profile) if name in config}
    given = {name: it for name, it in given.items() if name not in defaults or it != defaults[name]}
    in_cookies = config.get("SESSION_TYPE") == "cookie" or "SESSION_STORAGE" in config
    if profile == "native" and (store is not None or not in_cookies):
        # Ids in our own layout are random and signed by nobody; the key is Flask's own.
        given.pop("SECRET_KEY", None)
        given.pop("SECRET_KEY_FALLBACKS", None)
    return given


def answer_of(error: SessileError) -> tuple[int, list[tuple[str, str]], str]:
    """What a visitor is answered in place of the application's response. Logs why."""
    answer = getattr(error, "answer", None)
    if answer is not None and answer[0] == 409:
        LOGGER.warning("session not saved: %s", error)
    else:
        LOGGER.error("session failed: %s", error, exc_info=error)
    if answer is not None:
        return answer  # type: ignore[no-any-return]
    text = "Something went wrong with your session on our side.\n"
    return 500, [("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store")], text
