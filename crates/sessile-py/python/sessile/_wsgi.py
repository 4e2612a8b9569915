"""Requests as WSGI gives them."""

from __future__ import annotations

from typing import Any

from ._app import Field

__all__ = ["fields_of", "is_https"]


def fields_of(environ: dict[str, Any]) -> list[Field]:
    """The header fields."""
    return [
        (name[5:].replace("_", "-"), value.encode("latin-1"))
        for name, value in environ.items()
        if name.startswith("HTTP_")
    ]


def is_https(environ: dict[str, Any]) -> bool:
    """Whether the server, or a proxy that it believes, says that the visitor came over TLS."""
    return environ.get("wsgi.url_scheme") == "https"
