"""Starlette's `SessionMiddleware`, its cookies signed and verified by `sessile.itsdangerous`.

The whole session is in the cookie, which anybody can read and nobody can change. Sessions in a
store are `sessile.asgi.Sessions`.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Literal

from starlette import __version__ as _release
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection

from .itsdangerous import BadSignature, TimestampSigner

__all__ = ["Session", "SessionMiddleware"]

# Before 1.0 Starlette saved a session with every response. By today's rules a change further down
# would be lost without a word there.
if int(_release.partition(".")[0]) < 1:
    raise ImportError(f"sessile.starlette keeps the rules of Starlette 1.x, and this is {_release}")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_GONE = "expires=Thu, 01 Jan 1970 00:00:00 GMT; "


class Session(dict[str, Any]):
    """A dict that knows whether it was asked for, and whether it was changed at its top."""

    accessed: bool = False
    modified: bool = False

    def mark_accessed(self) -> None:
        """Called by Starlette whenever `request.session` is asked for."""
        self.accessed = True

    def mark_modified(self) -> None:
        """To be called after a change further down, which nobody notices."""
        self.accessed = self.modified = True

    def __setitem__(self, key: str, value: Any) -> None:
        self.mark_modified()
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self.mark_modified()
        super().__delitem__(key)

    def __ior__(self, other: Any) -> Session:  # type: ignore[override,misc]
        self.mark_modified()
        super().update(other)
        return self

    def clear(self) -> None:
        self.mark_modified()
        super().clear()

    def update(self, *args: Any, **values: Any) -> None:
        self.mark_modified()
        super().update(*args, **values)

    # These three change nothing where the key is, or is not, there.

    def pop(self, key: str, *default: Any) -> Any:
        if key in self:
            self.mark_modified()
        return super().pop(key, *default)

    def popitem(self) -> tuple[str, Any]:
        if self:
            self.mark_modified()
        return super().popitem()

    def setdefault(self, key: str, default: Any = None) -> Any:
        if key not in self:
            self.mark_modified()
        return super().setdefault(key, default)


class SessionMiddleware:
    """Takes what Starlette's takes, and reads and writes the same cookies."""

    def __init__(
        self,
        app: AsgiApp,
        secret_key: Any,
        session_cookie: str = "session",
        max_age: int | None = 14 * 24 * 60 * 60,
        path: str = "/",
        same_site: Literal["lax", "strict", "none"] = "lax",
        https_only: bool = False,
        domain: str | None = None,
        partitioned: bool = False,
    ) -> None:
        self.app = app
        # A `Secret` of Starlette's tells its value to `str` alone.
        self.signer = TimestampSigner(str(secret_key))
        self.session_cookie = session_cookie
        self.max_age = max_age
        self.path = path
        flags = ["httponly", f"samesite={same_site}"]
        flags += ["secure"] if https_only else []
        flags += [] if domain is None else [f"domain={domain}"]
        flags += ["partitioned"] if partitioned else []
        self.security_flags = "; ".join(flags)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        held = self._held(HTTPConnection(scope).cookies.get(self.session_cookie))
        scope["session"] = Session() if held is None else held

        async def saving(message: Message) -> None:
            if message["type"] == "http.response.start":
                # An application may have put another one there.
                self._save(scope["session"], held is not None, message)
            await send(message)

        await self.app(scope, receive, saving)

    def _held(self, cookie: str | None) -> Session | None:
        """The session of a cookie, if it was signed here and is not too old."""
        if cookie is None:
            return None
        try:
            data = self.signer.unsign(cookie.encode(), max_age=self.max_age)
        except BadSignature:
            return None
        return Session(json.loads(b64decode(data)))

    def _save(self, session: Session, held: bool, message: Message) -> None:
        message.setdefault("headers", [])
        headers = MutableHeaders(scope=message)
        if session.accessed:
            headers.add_vary_header("Cookie")
        if not session.modified:
            return
        if session:
            value = self.signer.sign(b64encode(json.dumps(session).encode())).decode()
            life = "" if self.max_age is None else f"Max-Age={self.max_age}; "
        elif held:
            value, life = "null", _GONE
        else:
            return
        cookie = f"{self.session_cookie}={value}; path={self.path}; {life}{self.security_flags}"
        headers.append("Set-Cookie", cookie)
