"""Python values as vector files write them (see interop/src/typed.rs), and values at random."""

import datetime
import decimal
import random
import uuid

import markupsafe


def typed(value):
    """The typed form of a value."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= 2**53 else {"$t": "int", "v": str(value)}
    if isinstance(value, float):
        return {"$t": "float", "v": repr(value)}
    if isinstance(value, markupsafe.Markup):
        return {"$t": "markup", "v": str(value)}
    if isinstance(value, str):
        lone = any("\ud800" <= letter <= "\udfff" for letter in value)
        return {"$t": "surrogate", "v": [ord(it) for it in value]} if lone else value
    if isinstance(value, bytes):
        return {"$t": "bytes", "hex": value.hex()}
    if isinstance(value, dict):
        return {"$t": "dict", "v": [[typed(key), typed(it)] for key, it in value.items()]}
    if isinstance(value, list):
        return [typed(it) for it in value]
    if isinstance(value, (tuple, set)):
        return {"$t": type(value).__name__, "v": [typed(it) for it in value]}
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return {"$t": type(value).__name__, "v": value.isoformat()}
    if isinstance(value, datetime.timedelta):
        return {"$t": "timedelta", "v": value.total_seconds()}
    if isinstance(value, uuid.UUID):
        return {"$t": "uuid", "v": str(value)}
    if isinstance(value, decimal.Decimal):
        return {"$t": "decimal", "v": str(value)}
    raise TypeError(type(value))


class Values:
    """Plain data at random. Equal texts and equal bytes are one object, as literals are."""

    def __init__(self, seed, surrogates=True, binary=True):
        self.random = random.Random(seed)
        self.surrogates = surrogates
        self.binary = binary
        self.known = {}

    def one(self, value):
        return self.known.setdefault((type(value), value), value)

    def text(self):
        letters = "ab_é☃🦀\x00\n'\"\\" + ("\ud800" if self.surrogates else "")
        length = self.random.choice([0, 1, 1, 2, 5, 9, 40, 255, 256, 300])
        letter = self.random.choice(letters)
        if self.random.random() < 0.5:
            return self.one("".join(self.random.choices(letters, k=length)))
        return self.one(letter * length)

    def integer(self):
        bits = self.random.choice([1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 53, 63, 64, 65, 200, 2100])
        number = self.random.choice([0, 1, 2**bits, 2**bits - 1, self.random.getrandbits(bits)])
        return self.random.choice([number, -number, -number - 1])

    def leaf(self, key=False):
        kinds = [
            self.text,
            self.text,
            self.integer,
            lambda: self.random.choice([True, False, None]),
            lambda: self.random.choice([0.0, -0.0, 1.5, 1e16, 1e-5, float("inf"), 2.0**70]),
        ]
        if self.binary and self.random.random() < 0.15:
            return self.object()
        if self.binary:
            sizes = [0, 1, 3, 255, 256, 1000]
            kinds.append(lambda: self.one(self.random.randbytes(self.random.choice(sizes))))
        return self.random.choice(kinds)()

    def object(self):
        """An object of one of the few classes that count as plain data."""
        pick = self.random.choice
        utc = datetime.timezone.utc
        zones = [
            None,
            utc,
            utc,
            datetime.timezone(datetime.timedelta(seconds=pick([3600, -18_000, 3661]))),
        ]
        day = datetime.date(pick([1, 1969, 2026, 9999]), pick([1, 2, 12]), pick([1, 28]))
        micros = pick([0, 0, 1, 999_999])
        time = datetime.time(pick([0, 3, 23]), 4, pick([0, 59]), micros, tzinfo=pick(zones))
        return pick(
            [
                day,
                time,
                datetime.datetime.combine(day, time),
                datetime.timedelta(pick([0, -1, 90]), pick([0, 1, 86_399]), pick([0, 500_000])),
                uuid.UUID(int=pick([0, 1, 2**63, 2**64, 2**127, 2**128 - 1])),
                decimal.Decimal(pick(["1", "1.10", "-0.5", "1E+30", "NaN"])),
                markupsafe.Markup(pick(["", "<", "<b>", "é"])),
            ]
        )

    def value(self, depth=4):
        if depth == 0 or self.random.random() < 0.4:
            return self.leaf()
        size = self.random.choice([0, 1, 1, 2, 3, 4, 7, 30])
        kind = self.random.choice(
            ["list", "tuple", "dict", "dict"] if self.binary else ["list", "dict"]
        )
        if kind == "dict":
            return self.dict(depth - 1, size)
        items = [self.value(depth - 1) for _ in range(size)]
        return tuple(items) if kind == "tuple" else items

    def dict(self, depth=3, size=None):
        size = self.random.choice([0, 1, 2, 5, 12]) if size is None else size
        return {self.text(): self.value(depth) for _ in range(size)}
