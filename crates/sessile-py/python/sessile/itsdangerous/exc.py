"""The exceptions: those of the installed itsdangerous, else our own of the same names."""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = [
    "BadData",
    "BadHeader",
    "BadPayload",
    "BadSignature",
    "BadTimeSignature",
    "SignatureExpired",
]

if TYPE_CHECKING:
    from ._exc import (
        BadData,
        BadHeader,
        BadPayload,
        BadSignature,
        BadTimeSignature,
        SignatureExpired,
    )
else:
    try:
        from itsdangerous.exc import (
            BadData,
            BadHeader,
            BadPayload,
            BadSignature,
            BadTimeSignature,
            SignatureExpired,
        )
    except ImportError:
        from ._exc import (
            BadData,
            BadHeader,
            BadPayload,
            BadSignature,
            BadTimeSignature,
            SignatureExpired,
        )
