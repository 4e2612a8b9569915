"""ASGI: `Sessions(app, store=…)` puts a session into ``scope["session"]``, where Starlette and
FastAPI have ``request.session``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Literal

from ._app import App, answer_of
from ._sessile import Exchange
from .exceptions import ConfigError, SessileError
from .session import Session

__all__ = ["AsyncSession", "Sessions"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class AsyncSession(Session):
    """A session in asyncio: with ``load="lazy"`` ``await session.aload()`` before its first use."""

    def load(self) -> None:
        if self._core is None:
            self._check()
            raise SessileError(
                "the session is not loaded: `await session.aload()` first, or leave out "
                'load="lazy"'
            )

    def mark_accessed(self) -> None:
        """Called by Starlette whenever the session is asked for."""


class Sessions:
    """Gives every request behind it a session, saved before the response's head leaves.

    ``store`` is as for ``sessile.flask.Sessile``, and may be asynchronous. With ``load="eager"``
    the session is there when the application runs; with ``"lazy"`` a request that does not await
    ``session.aload()`` costs the store nothing. On WebSockets the session can be read only.
    """

    def __init__(
        self,
        app: AsgiApp,
        store: Any = None,
        settings: Mapping[str, Any] | None = None,
        load: Literal["eager", "lazy"] = "eager",
    ) -> None:
        if load not in ("eager", "lazy"):
            raise ConfigError(f'load takes "eager" or "lazy", not {load!r}')
        self.app = app
        self.load = load
        #: Lists and ends sessions: `aof`, `aend`, `aend_all`.
        self.sessions = App(store, settings)

    def _begin(self, scope: Scope) -> Exchange:
        return self.sessions.begin(
            scope.get("method", "GET"),
            scope.get("scheme") in ("https", "wss"),
            None,
            scope.get("path", ""),
            scope.get("query_string", b"").decode("latin-1"),
            [(bytes(name).decode("latin-1"), bytes(value)) for name, value in scope["headers"]],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        session = AsyncSession(self.sessions, lambda: self._begin(scope))
        scope["session"] = session
        reply = _Reply(session, send)
        is_http = scope["type"] == "http"
        if not is_http:
            session._read_only = "a session can only be read on a WebSocket: its response is gone"
        try:
            if self.load == "eager" or not is_http:
                await session.aload()
            await self.app(scope, receive, reply.send if is_http else send)
        except SessileError as error:
            if not is_http:
                raise
            if reply.begun:
                raise
            await reply.refuse(error)


class _Reply:
    """What an application sends."""

    def __init__(self, session: Session, send: Send) -> None:
        self.session = session
        self.through = send
        self.begun = False
        #: Another response was sent in place of the application's.
        self.refused = False

    async def send(self, message: Message) -> None:
        if self.refused:
            return
        if message["type"] == "http.response.start" and not self.begun:
            try:
                headers = await self._saved(message)
            except SessileError as error:
                await self.refuse(error)
                return
            message = {**message, "headers": headers}
            self.begun = True
        await self.through(message)

    async def _saved(self, message: Message) -> list[tuple[bytes, bytes]]:
        headers = [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
        fields = [(name.decode("latin-1"), value) for name, value in headers]
        for replaces, name, value in await self.session.afinish(message["status"], fields):
            key = name.encode()
            if replaces:
                headers = [(known, it) for known, it in headers if known.lower() != key]
            headers.append((key, value))
        return headers

    async def refuse(self, error: SessileError) -> None:
        """Sends an answer in place of the application's."""
        self.refused = self.begun = True
        status, fields, text = answer_of(error)
        data = text.encode()
        headers = [(name.encode(), value.encode()) for name, value in fields]
        headers.append((b"content-length", str(len(data)).encode()))
        await self.through({"type": "http.response.start", "status": status, "headers": headers})
        await self.through({"type": "http.response.body", "body": data})
