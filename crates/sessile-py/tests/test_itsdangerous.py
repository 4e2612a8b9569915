"""`sessile.itsdangerous` beside the itsdangerous that is installed."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
import random
import time
from typing import Any

import itsdangerous
import pytest
from generated import damaged, json_value, outcome
from sessile import _sessile
from sessile import itsdangerous as ours

NAMES = ["Serializer", "TimedSerializer", "URLSafeSerializer", "URLSafeTimedSerializer"]
ROUNDS = 1500


def pair(name: str, *arguments: Any, **named: Any) -> tuple[Any, Any]:
    return getattr(ours, name)(*arguments, **named), getattr(itsdangerous, name)(*arguments, **named)


def taken(operation: str) -> tuple[int, int]:
    return _sessile.taken()[operation]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_767_323_045.75)


@pytest.mark.parametrize("name", NAMES)
def test_generated_values_come_out_the_same_both_ways(name: str) -> None:
    chance = random.Random(name)
    mine, theirs = pair(name, ["old key", "key"], salt="salt")
    timed = {"max_age": 60} if "Timed" in name else {}
    before = taken("serializer dumps"), taken("serializer loads")
    for turn in range(ROUNDS):
        value = json_value(chance)
        written = outcome(mine.dumps, value)
        assert written == outcome(theirs.dumps, value), (name, turn)
        if written[0] == "raised":
            continue
        signed = theirs.dumps(value)
        assert outcome(mine.loads, signed, **timed) == outcome(theirs.loads, signed, **timed), turn
        bad = damaged(chance, signed)
        for load in ("loads", "loads_unsafe"):
            got = outcome(getattr(mine, load), bad, **timed)
            assert got == outcome(getattr(theirs, load), bad, **timed), (name, turn, bad)
    rust = taken("serializer dumps")[0] - before[0][0], taken("serializer loads")[0] - before[1][0]
    assert min(rust) > ROUNDS / 4, rust


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha384", "sha512", "md5"])
@pytest.mark.parametrize("derivation", ["concat", "django-concat", "hmac", "none"])
def test_every_digest_and_derivation_signs_the_same(digest: str, derivation: str) -> None:
    named = {"key_derivation": derivation, "digest_method": getattr(hashlib, digest), "sep": "|"}
    before = taken("sign")
    for name in ("Signer", "TimestampSigner"):
        mine, theirs = pair(name, "key", salt=b"s", **named)
        signed = mine.sign("välue")
        assert signed == theirs.sign("välue")
        assert theirs.unsign(signed) == mine.unsign(theirs.sign("välue")) == "välue".encode()
        assert mine.get_signature(b"x") == theirs.get_signature(b"x")
        assert mine.verify_signature(b"x", mine.get_signature("x"))
    assert (taken("sign")[0] > before[0]) == (digest != "md5")


class Reversed(ours.signer.SigningAlgorithm):
    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return (key + value)[::-1]


class Derived(ours.Signer):
    def derive_key(self, secret_key: Any = None) -> bytes:
        return b"always this"


class Louder(ours.URLSafeTimedSerializer):
    def dump_payload(self, obj: Any) -> bytes:
        return super().dump_payload([obj])


class Later(ours.TimestampSigner):
    def get_timestamp(self) -> int:
        return 5


def test_what_users_change_is_asked_and_not_passed_over() -> None:
    theirs = itsdangerous.Signer("key", algorithm=Reversed())
    assert ours.Signer("key", algorithm=Reversed()).sign("v") == theirs.sign("v")
    assert Derived("a").sign("v") == Derived("b").sign("v")
    assert ours.URLSafeTimedSerializer("k").loads(Louder("k").dumps(1)) == [1]
    old = ours.URLSafeTimedSerializer("k", signer=Later).dumps(1)
    with pytest.raises(itsdangerous.SignatureExpired):
        ours.URLSafeTimedSerializer("k").loads(old, max_age=10)


def test_a_change_after_the_first_use_is_seen() -> None:
    mine, theirs = pair("URLSafeTimedSerializer", ["a", "b"], salt="x")

    def both() -> None:
        assert mine.dumps([1]) == theirs.dumps([1])
        assert mine.loads(theirs.dumps([2])) == [2]

    both()
    for it in (mine, theirs):
        it.secret_keys.append(b"c")
    both()
    for it in (mine, theirs):
        it.salt = b"y"
    both()
    for it in (mine, theirs):
        it.signer_kwargs["key_derivation"] = "hmac"
    both()
    for it in (mine, theirs):
        it.serializer = json
    both()
    for it in (mine, theirs):
        it.serializer_kwargs["sort_keys"] = True
    assert mine.dumps({"b": 1, "a": 2}) == theirs.dumps({"b": 1, "a": 2})
    mine.dump_payload = lambda obj: b"replaced"
    assert mine.dumps(1).startswith("replaced.")


def test_a_clock_patched_on_the_class_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    serializer = ours.URLSafeTimedSerializer("key")
    serializer.dumps(1)
    monkeypatch.setattr(ours.TimestampSigner, "get_timestamp", lambda self: 1_000_000)
    old = serializer.dumps(1)
    monkeypatch.undo()
    with pytest.raises(itsdangerous.SignatureExpired):
        serializer.loads(old, max_age=10)


@pytest.mark.parametrize("key", ["k", b"k", "", b"", bytearray(b"k"), [], ["a", b"b"], ["é"], None, 5])
def test_keys_of_any_type_come_to_the_same(key: Any) -> None:
    for name in ("Signer", "URLSafeTimedSerializer"):
        made = outcome(getattr(itsdangerous, name), key)
        assert outcome(getattr(ours, name), key)[0] == made[0]
        if made[0] == "raised":
            continue
        mine, theirs = pair(name, key)
        write = "sign" if name == "Signer" else "dumps"
        assert outcome(getattr(mine, write), "v") == outcome(getattr(theirs, write), "v")


BAD = [
    None, 5, 1.5, [], {}, object, b"\xff", bytearray(b"a.b"), memoryview(b"a.b"), "\ud800", "é.é",
    "." * 5000, b"", "",
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=[str(at) for at in range(len(BAD))])
def test_bad_input_raises_what_the_original_raises(bad: Any) -> None:
    for name in NAMES:
        mine, theirs = pair(name, "key")
        assert outcome(mine.loads, bad) == outcome(theirs.loads, bad)
        assert outcome(mine.loads, theirs.dumps(1), salt=bad) == outcome(
            theirs.loads, theirs.dumps(1), salt=bad
        )
    for name in ("Signer", "TimestampSigner"):
        mine, theirs = pair(name, "key")
        for method in ("sign", "unsign", "validate", "get_signature"):
            assert outcome(getattr(mine, method), bad) == outcome(getattr(theirs, method), bad)
        assert outcome(mine.verify_signature, b"v", bad) == outcome(theirs.verify_signature, b"v", bad)


@pytest.mark.parametrize("age", [0, -1, 1.5, True, 10**30, None, "5"])
def test_ages_of_any_type_come_to_the_same(age: Any) -> None:
    mine, theirs = pair("URLSafeTimedSerializer", "key")
    signed = theirs.dumps("v")
    assert outcome(mine.loads, signed, max_age=age) == outcome(theirs.loads, signed, max_age=age)


@pytest.mark.parametrize("now", [0, -5.0, 2.0**40, 1e300, float("nan"), "7", None, 253_402_300_799])
def test_clocks_of_any_kind_come_to_the_same(now: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, theirs = pair("URLSafeTimedSerializer", "key")
    signed = theirs.dumps("v")
    monkeypatch.setattr(time, "time", lambda: now)
    assert outcome(mine.dumps, "v") == outcome(theirs.dumps, "v")
    assert outcome(mine.loads, signed, max_age=5) == outcome(theirs.loads, signed, max_age=5)


def test_what_is_nested_deep_or_is_large_comes_to_the_same() -> None:
    mine, theirs = pair("URLSafeTimedSerializer", "key")
    deep: Any = []
    for _ in range(600):
        deep = [deep]
    endless: Any = []
    endless.append(endless)
    large = {"k": [str(number) for number in range(20_000)]}
    for value in (deep, endless, large, "a" * 2_000_000, float("nan"), {"a": {1, 2}}, {b"k": 1}):
        assert outcome(mine.dumps, value)[:3] == outcome(theirs.dumps, value)[:3]
    for value in (deep, large, "a" * 2_000_000):
        assert mine.loads(theirs.dumps(value)) == value


def test_objects_can_be_copied_and_pickled_after_use() -> None:
    serializer = ours.URLSafeTimedSerializer("key")
    signed = serializer.dumps({"a": 1})
    for again in (copy.copy(serializer), copy.deepcopy(serializer)):
        assert again.loads(signed) == {"a": 1}
    signer = ours.TimestampSigner("key")
    signer.sign("v")
    assert pickle.loads(pickle.dumps(signer)).unsign(signer.sign("v")) == b"v"


def test_secrets_are_in_no_text() -> None:
    serializer = ours.URLSafeTimedSerializer("hidden-key")
    serializer.dumps(1)
    assert "hidden" not in repr(serializer) + repr(serializer._fast[1])


def test_a_panic_is_an_exception_of_ours() -> None:
    from sessile import InternalError

    with pytest.raises(InternalError, match="asked for"):
        _sessile._panic()
