"""JSON without white space, what is beyond ASCII left as it is."""

from __future__ import annotations

import json as _json
from typing import Any


class _CompactJSON:
    """What the URL-safe serializers write their payloads with."""

    @staticmethod
    def loads(payload: str | bytes) -> Any:
        return _json.loads(payload)

    @staticmethod
    def dumps(obj: Any, **kwargs: Any) -> str:
        return _json.dumps(obj, **{"ensure_ascii": False, "separators": (",", ":"), **kwargs})
