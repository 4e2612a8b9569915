"""The vectors of the family itsdangerous, through `sessile.itsdangerous`, byte for byte.

They are read from $SESSILE_VECTORS, else from ../shared/vectors beside the checkout.
"""

from __future__ import annotations

import datetime
import decimal
import hashlib
import json
import os
import time
import uuid
import zlib
from pathlib import Path
from typing import Any, Callable

import markupsafe
import pytest
from sessile import itsdangerous as ours
from sessile.itsdangerous import encoding


def cases(family: str = "itsdangerous") -> list[Any]:
    beside = Path(__file__).resolve().parents[3] / "../shared/vectors"
    file = Path(os.environ.get("SESSILE_VECTORS", beside)) / f"{family}.json"
    if not file.is_file():
        missing = pytest.mark.skip(reason=f"there is no {file.name} in $SESSILE_VECTORS")
        return [pytest.param(None, marks=missing, id="none")]
    held = json.loads(file.read_text())
    same = held["meta"]["zlib"] == zlib.ZLIB_RUNTIME_VERSION
    for it in held["cases"]:
        # Another zlib compresses otherwise, and reads the same.
        it["exact"] = same or not it.get("zlib")
    return [pytest.param(it, id=it["id"]) for it in held["cases"]]


def plain(value: Any) -> Any:
    """The value that a vector's typed form stands for."""
    if isinstance(value, list):
        return [plain(it) for it in value]
    if not isinstance(value, dict):
        return value
    kind, held = value["$t"], value.get("v")
    if kind == "dict":
        return {plain(key): plain(it) for key, it in held}
    if kind == "bytes":
        return bytes.fromhex(value["hex"])
    if kind == "surrogate":
        return "".join(map(chr, held))
    makers: dict[str, Callable[[Any], Any]] = {
        "int": int,
        "float": float,
        "tuple": lambda it: tuple(map(plain, it)),
        "set": lambda it: set(map(plain, it)),
        "markup": markupsafe.Markup,
        "uuid": uuid.UUID,
        "decimal": decimal.Decimal,
        "datetime": datetime.datetime.fromisoformat,
        "date": datetime.date.fromisoformat,
        "time": datetime.time.fromisoformat,
        "timedelta": lambda it: datetime.timedelta(seconds=it),
    }
    return makers[kind](held)


def carried_out(operation: str, given: dict[str, Any]) -> Any:
    if operation == "base64_encode":
        return ours.base64_encode(bytes.fromhex(given["data"])).decode()
    if operation == "base64_decode":
        return ours.base64_decode(given["text"])
    if operation == "int_to_bytes":
        return encoding.int_to_bytes(plain(given["n"])).hex()
    if operation == "bytes_to_int":
        return encoding.bytes_to_int(bytes.fromhex(given["data"]))
    keys = given.get("keys_oldest_first") or given["key"]
    # What is null is left out: the defaults are part of the vector.
    how: dict[str, Any] = {}
    if given["key_derivation"] is not None:
        how["key_derivation"] = given["key_derivation"]
    if given["digest"] is not None:
        how["digest_method"] = getattr(hashlib, given["digest"])
    if operation == "urlsafe_dumps":
        name = "URLSafeTimedSerializer" if given["timed"] else "URLSafeSerializer"
        serializer = getattr(ours, name)(keys, salt=given["salt"], signer_kwargs=how)
        value = plain(given["value"])
        written = serializer.dumps(value)
        assert serializer.loads(written) == value
        return written
    how |= {name: given[name] for name in ("salt", "sep") if given.get(name) is not None}
    signer = ours.TimestampSigner if "timestamp" in operation else ours.Signer
    made = signer(keys, **how)
    if operation.endswith("_sign"):
        return made.sign(given["value"]).decode()
    if operation == "timestamp_unsign":
        return made.unsign(given["signed"], max_age=given["max_age"]).decode()
    assert operation == "signer_unsign"
    return made.unsign(given["signed"]).decode()


@pytest.mark.parametrize("case", cases())
def test_a_vector_comes_out_as_the_original_made_it(
    case: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: float(case["in"].get("now", 1_767_323_045)))
    expected = case["out"]
    if "ok" in expected:
        assert carried_out(case["op"], case["in"]) == plain(expected["ok"])
        return
    with pytest.raises(Exception) as raised:
        carried_out(case["op"], case["in"])
    assert type(raised.value).__name__ == expected["error"]
    if "message" in expected:
        assert str(raised.value) == expected["message"]
