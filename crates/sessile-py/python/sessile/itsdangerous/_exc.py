"""Exceptions like those of itsdangerous, for where that is not installed."""

from __future__ import annotations

from datetime import datetime
from typing import Any


class BadData(Exception):
    """Anything wrong with what was to be read."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        #: What is wrong.
        self.message = message

    def __str__(self) -> str:
        return self.message


class BadSignature(BadData):
    """The signature is missing or made with no key of ours."""

    def __init__(self, message: str, payload: Any | None = None) -> None:
        super().__init__(message)
        #: What the signature should have vouched for. Anybody may have written it.
        self.payload = payload


class BadTimeSignature(BadSignature):
    """As above, where the time of signing belongs to the text."""

    def __init__(
        self,
        message: str,
        payload: Any | None = None,
        date_signed: datetime | None = None,
    ) -> None:
        super().__init__(message, payload)
        #: When the text says it was signed.
        self.date_signed = date_signed


class SignatureExpired(BadTimeSignature):
    """The signature is right, and older than allowed or from the future."""


class BadHeader(BadSignature):
    """The header of a signed text is wrong."""

    def __init__(
        self,
        message: str,
        payload: Any | None = None,
        header: Any | None = None,
        original_error: Exception | None = None,
    ) -> None:
        super().__init__(message, payload)
        #: The header as it came.
        self.header = header
        #: What failed on it.
        self.original_error = original_error


class BadPayload(BadData):
    """The signature is right, and what it vouches for cannot be read."""

    def __init__(self, message: str, original_error: Exception | None = None) -> None:
        super().__init__(message)
        #: What failed on it.
        self.original_error = original_error


for _class in (BadData, BadSignature, BadTimeSignature, SignatureExpired, BadHeader, BadPayload):
    _class.__module__ = "sessile.itsdangerous.exc"
