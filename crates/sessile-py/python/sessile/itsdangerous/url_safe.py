"""Signed texts that can stand in an address: compressed where that pays, and base64."""

from __future__ import annotations

import zlib
from typing import Any

from . import serializer as _serializer
from . import timed as _timed
from ._json import _CompactJSON
from .encoding import base64_decode, base64_encode
from .exc import BadPayload
from .serializer import Serializer
from .signer import _methods
from .timed import TimedSerializer

__all__ = ["URLSafeSerializer", "URLSafeSerializerMixin", "URLSafeTimedSerializer"]


class URLSafeSerializerMixin(Serializer[str]):
    """Makes a serializer's payloads short and safe in addresses."""

    default_serializer: Any = _CompactJSON

    def load_payload(
        self, payload: bytes, *args: Any, serializer: Any | None = None, **kwargs: Any
    ) -> Any:
        """As `Serializer.load_payload`, after base64 and, behind a dot, zlib."""
        compressed = payload.startswith(b".")
        try:
            json = base64_decode(payload[1:] if compressed else payload)
        except Exception as error:
            raise BadPayload(
                "Could not base64 decode the payload because of an exception",
                original_error=error,
            ) from error
        if compressed:
            try:
                json = zlib.decompress(json)
            except Exception as error:
                raise BadPayload(
                    "Could not zlib decompress the payload before decoding the payload",
                    original_error=error,
                ) from error
        # `serializer` goes nowhere in the original either.
        return super().load_payload(json, *args, **kwargs)

    def dump_payload(self, obj: Any) -> bytes:
        """As `Serializer.dump_payload`, compressed if that saves more than its mark takes."""
        json = super().dump_payload(obj)
        compressed = zlib.compress(json)
        if len(compressed) < len(json) - 1:
            return b"." + base64_encode(compressed)
        return base64_encode(json)


class URLSafeSerializer(URLSafeSerializerMixin, Serializer[str]):
    """As `Serializer`; the text is of letters, digits, `-`, `_` and `.`."""


class URLSafeTimedSerializer(URLSafeSerializerMixin, TimedSerializer[str]):
    """As `TimedSerializer`; the text is of letters, digits, `-`, `_` and `.`."""


_serializer._KINDS.append(_methods(URLSafeSerializer, *_serializer._NAMES))
_timed._KINDS.append(_methods(URLSafeTimedSerializer, *_serializer._NAMES))
