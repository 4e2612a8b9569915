"""In place of itsdangerous 2.2: the same names, the same bytes, signed and read in Rust.

What an application subclasses or replaces (signers, algorithms, serializers) works as there, in
Python. The exceptions are those of the installed itsdangerous, if there is one, so that code
that catches these goes on working.
"""

from __future__ import annotations

from .encoding import base64_decode, base64_encode, want_bytes
from .exc import (
    BadData,
    BadHeader,
    BadPayload,
    BadSignature,
    BadTimeSignature,
    SignatureExpired,
)
from .serializer import Serializer
from .signer import HMACAlgorithm, NoneAlgorithm, Signer
from .timed import TimedSerializer, TimestampSigner
from .url_safe import URLSafeSerializer, URLSafeTimedSerializer

__all__ = [
    "BadData",
    "BadHeader",
    "BadPayload",
    "BadSignature",
    "BadTimeSignature",
    "HMACAlgorithm",
    "NoneAlgorithm",
    "Serializer",
    "SignatureExpired",
    "Signer",
    "TimedSerializer",
    "TimestampSigner",
    "URLSafeSerializer",
    "URLSafeTimedSerializer",
    "base64_decode",
    "base64_encode",
    "want_bytes",
]


def __getattr__(name: str) -> str:
    # Deprecated by the original, and still asked for.
    if name == "__version__":
        import warnings

        message = "'itsdangerous.__version__' is deprecated: use 'importlib.metadata.version'."
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return "2.2.0"
    raise AttributeError(name)
