"""WSGI: `Sessions(app, store=…)` puts a session into ``environ["sessile.session"]``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from ._app import App, answer_of
from ._wsgi import fields_of, is_https
from .exceptions import SessileError
from .session import Session

__all__ = ["KEY", "Sessions"]

#: Where the session is in the environ.
KEY = "sessile.session"

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Sessions:
    """Gives every request behind it a session, read when it is first used and saved before the
    response's head leaves.

    ``store`` is as for ``sessile.flask.Sessile``; ``settings`` have the names of
    docs/configuration.md.
    """

    def __init__(
        self, app: WsgiApp, store: Any = None, settings: Mapping[str, Any] | None = None
    ) -> None:
        self.app = app
        #: Lists and ends sessions: `of`, `end`, `end_all`.
        self.sessions = App(store, settings)

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        session = Session(
            self.sessions,
            lambda: self.sessions.begin(
                environ.get("REQUEST_METHOD", "GET"),
                is_https(environ),
                None,
                environ.get("PATH_INFO", ""),
                environ.get("QUERY_STRING"),
                fields_of(environ),
            ),
        )
        environ[KEY] = session
        reply = _Reply(session, start_response)
        try:
            body = self.app(environ, reply.start)
        except SessileError as error:
            return reply.refuse(error)
        return reply.sent(body)


class _Reply:
    """A response whose head is held back until its first bytes: until then the session may
    change."""

    def __init__(self, session: Session, start_response: Callable[..., Any]) -> None:
        self.session = session
        self.start_response = start_response
        self.head: tuple[str, list[tuple[str, str]], Any] | None = None
        self.write: Callable[[bytes], Any] | None = None

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], Any]:
        if self.write is not None:
            # The head is gone: WSGI's rule is that the server raises what happened.
            return self.start_response(status, headers, exc_info)  # type: ignore[no-any-return]
        self.head = (status, list(headers), exc_info)
        return self.write_through

    def write_through(self, data: bytes) -> Any:
        self.leave()
        assert self.write is not None
        return self.write(data)

    def leave(self) -> None:
        """Saves the session and sends the head."""
        if self.write is not None or self.head is None:
            return
        status, headers, exc_info = self.head
        fields = [(name, value.encode("latin-1")) for name, value in headers]
        for replaces, name, value in self.session.finish(int(status.split(" ", 1)[0]), fields):
            if replaces:
                headers = [(known, it) for known, it in headers if known.lower() != name]
            headers.append((name.title(), value.decode("latin-1")))
        self.write = self._started(status, headers, exc_info)

    def _started(self, status: str, headers: list[tuple[str, str]], exc_info: Any) -> Any:
        if exc_info is None:
            return self.start_response(status, headers)
        return self.start_response(status, headers, exc_info)

    def sent(self, body: Iterable[bytes]) -> Iterator[bytes]:
        parts = iter(body)
        try:
            try:
                # An application may call start_response as late as with its first part.
                part = next(parts, None)
                while part is not None and not part and self.write is None:
                    part = next(parts, None)
                self.leave()
            except SessileError as error:
                if self.write is not None:
                    raise
                yield from self.refuse(error)
                return
            while part is not None:
                yield part
                part = next(parts, None)
        finally:
            if hasattr(body, "close"):
                body.close()

    def refuse(self, error: SessileError) -> list[bytes]:
        """Sends an answer in place of the application's."""
        status, headers, text = answer_of(error)
        data = text.encode()
        headers = [*headers, ("content-length", str(len(data)))]
        self.write = self._started(f"{status} {HTTPStatus(status).phrase}", headers, None)
        return [data]
