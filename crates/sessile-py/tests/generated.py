"""Values and signed texts, made up at random from a seed that a failure names."""

from __future__ import annotations

import datetime
import decimal
import random
import string
import uuid
from typing import Any

import markupsafe

TEXTS = ["", "ada", "é", "日本", "\x00\x1f\x7f", '"\\/', "\u2028", "😀", "\ud800", " t", "a" * 300]
NUMBERS = [0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 10**40]
FLOATS = [0.0, -0.0, 0.1, 1e16, 1e-5, 5e-324, 1.7976931348623157e308, float("inf")]
TAGS = [" t", " b", " di", " m", " u", " d", " x"]


class Text(str):
    """A subclass, which may have a say in how it is written."""


class Number(int):
    """Likewise."""


def text(chance: random.Random) -> str:
    if chance.random() < 0.4:
        return chance.choice(TEXTS)
    return "".join(chance.choices(string.printable + "éß漢😀", k=chance.randrange(40)))


def scalar(chance: random.Random) -> Any:
    return chance.choice(
        [
            None,
            True,
            False,
            chance.choice(NUMBERS),
            chance.randrange(-1000, 1000),
            chance.choice(FLOATS),
            chance.uniform(-1e6, 1e6),
            text(chance),
            text(chance),
            text(chance),
            Text(text(chance)),
            Number(7),
        ]
    )


def json_value(chance: random.Random, depth: int = 4) -> Any:
    """What `json` writes, subclasses and odd keys included."""
    kind = chance.random()
    if depth == 0 or kind < 0.4:
        return scalar(chance)
    items = [json_value(chance, depth - 1) for _ in range(chance.randrange(5))]
    if kind < 0.6:
        return items
    if kind < 0.7:
        return tuple(items)
    keys = [text(chance) for _ in items]
    if chance.random() < 0.1:
        keys = [chance.choice([None, True, 3, 2.5, Text("k"), key]) for key in keys]
    if chance.random() < 0.1:
        keys = [chance.choice(TAGS) for _ in items][:1]
    return dict(zip(keys, items))


def session_value(chance: random.Random, depth: int = 4) -> Any:
    """What Flask's tagged JSON writes: JSON, and the types that have a tag."""
    kind = chance.random()
    if depth == 0 or kind < 0.3:
        return scalar(chance)
    if kind < 0.55:
        return tagged(chance)
    items = [session_value(chance, depth - 1) for _ in range(chance.randrange(5))]
    if kind < 0.75:
        return chance.choice([list, tuple])(items)
    keys = [chance.choice(TAGS) if chance.random() < 0.2 else text(chance) for _ in items]
    return dict(zip(keys, items))


def tagged(chance: random.Random) -> Any:
    zone = chance.choice(
        [None, datetime.timezone.utc, datetime.timezone(datetime.timedelta(hours=5.5))]
    )
    day = (chance.choice([1, 99, 1000, 1969, 2026, 9999]), chance.randrange(1, 13), 28)
    return chance.choice(
        [
            chance.randbytes(chance.randrange(40)),
            uuid.UUID(int=chance.getrandbits(128)),
            markupsafe.Markup(text(chance)),
            datetime.datetime(*day, chance.randrange(24), 4, 5, chance.choice([0, 7]), tzinfo=zone),
            datetime.date(*day),
            decimal.Decimal("1.10"),
            tuple(),
        ]
    )


def damaged(chance: random.Random, signed: str) -> str:
    """The text with something wrong somewhere, or nothing."""
    at = chance.randrange(len(signed) + 1)
    return chance.choice(
        [
            signed,
            signed[:at],
            signed[at:],
            signed[:at] + chance.choice(".-_=!é+/ \n") + signed[at:],
            signed[:at] + chance.choice(string.ascii_letters) + signed[at + 1 :],
            signed + "=",
            signed + "!!!!",
            signed.replace(".", "", 1),
            signed.upper(),
            "." + signed,
        ]
    )


def outcome(work: Any, *arguments: Any, **named: Any) -> Any:
    """What a call came to, exceptions included, in a form that can be compared."""
    try:
        return ("returned", spelled(work(*arguments, **named)))
    except Exception as error:
        names = ("payload", "date_signed", "message")
        held = {name: spelled(getattr(error, name)) for name in names if hasattr(error, name)}
        original = getattr(error, "original_error", None)
        cause = error.__cause__
        return (
            "raised",
            type(error).__name__,
            str(error),
            held,
            type(original).__name__,
            str(original),
            type(cause).__name__,
        )


def spelled(value: Any) -> str:
    """Text that tells apart what `==` does not: 1, 1.0 and True, tuples and lists, order."""
    return f"{type(value).__name__}:{value!r}"
