"""The exceptions of sessile itself.

What stands in place of another package's code raises that package's exceptions instead.
"""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "Contended",
    "InternalError",
    "SessileError",
    "SessionEnded",
    "StoreError",
    "UnencodableError",
]


class SessileError(Exception):
    """The base of all of them."""


class ConfigError(SessileError, ValueError):
    """A setting that cannot work: its name, what it holds, what it may hold."""


class StoreError(SessileError):
    """A store did not do what it was asked."""

    def __init__(self, message: str, *, kind: str = "", store: str = "") -> None:
        super().__init__(message)
        #: What kind of failure it was, such as ``unavailable``.
        self.kind = kind
        #: Which store, such as ``redis://host:6379``, without its password.
        self.store = store


class SessionEnded(SessileError):
    """The session was ended, by a logout for instance, while this request worked with it."""


class Contended(SessileError):
    """Other requests changed the session again and again; nothing was saved."""


class UnencodableError(SessileError, TypeError):
    """A value of the session has no form in the format it would be written in."""

    def __init__(self, message: str, *, key: str = "") -> None:
        super().__init__(message)
        #: The session's key under which it lies, as text.
        self.key = key


class InternalError(SessileError):
    """A fault in sessile's compiled part, which ended one call and nothing else."""
