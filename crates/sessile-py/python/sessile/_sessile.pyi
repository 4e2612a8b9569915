"""The compiled part of `sessile`: no public API."""

__version__: str

def _panic() -> None: ...
