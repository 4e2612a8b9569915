"""Flask."""

from .extension import FlaskSession, Sessile, SessileInterface

__all__ = ["FlaskSession", "Sessile", "SessileInterface"]
