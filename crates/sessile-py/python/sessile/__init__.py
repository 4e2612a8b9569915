"""Sessions and signed cookies, read and written in Rust.

This module names the exceptions; what an application uses is in a module of its own for each
framework, which imports that framework and nothing else: `sessile.flask`, `sessile.itsdangerous`.
"""

from ._sessile import __version__
from .exceptions import (
    ConfigError,
    Contended,
    InternalError,
    SessileError,
    SessionEnded,
    StoreError,
    UnencodableError,
)

__all__ = [
    "ConfigError",
    "Contended",
    "InternalError",
    "SessileError",
    "SessionEnded",
    "StoreError",
    "UnencodableError",
    "__version__",
]
