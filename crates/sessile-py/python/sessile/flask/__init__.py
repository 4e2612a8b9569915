"""Flask: sessions in a store (`Sessile`), and what stands in place of Flask's own sessions."""

from .extension import FlaskSession, Sessile, SessileInterface
from .sessions import (
    SecureCookieSession,
    SecureCookieSessionInterface,
    session_json_serializer,
)
from .tag import JSONTag, TaggedJSONSerializer

__all__ = [
    "FlaskSession",
    "JSONTag",
    "SecureCookieSession",
    "SecureCookieSessionInterface",
    "Sessile",
    "SessileInterface",
    "TaggedJSONSerializer",
    "session_json_serializer",
]
