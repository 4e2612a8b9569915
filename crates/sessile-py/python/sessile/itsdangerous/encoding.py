"""Text to bytes, bytes to URL-safe base64, numbers to bytes."""

from __future__ import annotations

import base64
import string
import struct

from .exc import BadData

__all__ = ["base64_decode", "base64_encode", "bytes_to_int", "int_to_bytes", "want_bytes"]

_base64_alphabet = (string.ascii_letters + string.digits + "-_=").encode()
_unsigned = struct.Struct(">Q")


def want_bytes(s: str | bytes, encoding: str = "utf-8", errors: str = "strict") -> bytes:
    """Text in this encoding; anything else as it is."""
    return s.encode(encoding, errors) if isinstance(s, str) else s


def base64_encode(string: str | bytes) -> bytes:
    """URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(want_bytes(string)).rstrip(b"=")


def base64_decode(string: str | bytes) -> bytes:
    """What URL-safe base64 says, read as leniently as Python reads it."""
    data = want_bytes(string, "ascii", "ignore")
    # In place: a bytearray is padded for its caller too, as in the original.
    data += b"=" * (-len(data) % 4)
    try:
        return base64.urlsafe_b64decode(data)
    except (TypeError, ValueError) as error:
        raise BadData("Invalid base64-encoded data") from error


def int_to_bytes(num: int) -> bytes:
    """Big-endian, without leading zero bytes; from 0 to 2**64 - 1."""
    return _unsigned.pack(num).lstrip(b"\x00")


def bytes_to_int(bytestr: bytes) -> int:
    """The number that at most eight bytes are."""
    number: int = _unsigned.unpack(bytestr.rjust(8, b"\x00"))[0]
    return number
