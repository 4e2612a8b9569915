"""In place of `flask.sessions`: Flask's session cookies, signed and read in Rust.

    app.session_interface = SecureCookieSessionInterface()

The whole session is in the cookie, which anybody can read and nobody can change. Sessions in a
store are `sessile.flask.Sessile`.

When a cookie is set, removed or left alone, and with which attributes, is decided by the Flask that
is installed. What is Flask's and not changed has Flask's class, so that `isinstance` says the same
of either.
"""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask import sessions as _flask
from flask.sessions import NullSession, SecureCookieSession, SessionInterface, SessionMixin

from ..itsdangerous import URLSafeTimedSerializer, _fast, timed
from .tag import TaggedJSONSerializer

__all__ = [
    "NullSession",
    "SecureCookieSession",
    "SecureCookieSessionInterface",
    "SessionInterface",
    "SessionMixin",
    "TaggedJSONSerializer",
    "session_json_serializer",
]

#: The serializer of interfaces that name none.
session_json_serializer = TaggedJSONSerializer()

if hasattr(_flask, "_lazy_sha1"):
    _fast.register_lazy_sha1(_flask._lazy_sha1)

#: Before 3.1 Flask reads no other keys.
_FALLBACKS = "SECRET_KEY_FALLBACKS" in Flask.default_config

#: What a serializer was made of, and the serializer.
_Made = tuple[tuple[Any, ...], URLSafeTimedSerializer]


class SecureCookieSessionInterface(_flask.SecureCookieSessionInterface):
    """Takes what Flask's takes, and reads and writes the same cookies.

    A subclass changes what it would change of Flask's: `salt`, `digest_method`, `key_derivation`,
    `serializer`, `session_class`, and any method.
    """

    serializer = session_json_serializer

    _made: _Made | None = None

    def get_signing_serializer(  # type: ignore[override]
        self, app: Flask
    ) -> URLSafeTimedSerializer | None:
        """What signs the application's cookies, or `None` if it has no key."""
        secret = app.secret_key
        if not secret:
            return None
        # The newest key signs and stands last.
        fallbacks = app.config["SECRET_KEY_FALLBACKS"] if _FALLBACKS else None
        keys = [*(fallbacks or ()), secret]
        asked = (keys, self.salt, self.key_derivation, self.digest_method, self.serializer)
        made = self._made
        if made is not None and made[0] == asked:
            return _another(made[1])
        signing = URLSafeTimedSerializer(
            keys,
            salt=self.salt,
            serializer=self.serializer,
            signer_kwargs={
                "key_derivation": self.key_derivation,
                "digest_method": self.digest_method,
            },
        )
        # Any other serializer may write text today and bytes tomorrow.
        if type(self.serializer) is TaggedJSONSerializer:
            timed._plan(signing, None)
            self._made = (asked, signing)
            return _another(signing)
        return signing


def _another(signing: URLSafeTimedSerializer) -> URLSafeTimedSerializer:
    """One like it, which its caller may change; what is compiled for the first is used again."""
    other = URLSafeTimedSerializer.__new__(URLSafeTimedSerializer)
    other.__dict__.update(_fast.snapshot(signing.__dict__))
    try:
        other._fast = signing._fast
    except AttributeError:
        pass
    return other
