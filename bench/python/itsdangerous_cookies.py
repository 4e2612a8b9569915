"""Signed cookies by itsdangerous and by `sessile.itsdangerous`, in turns, in one run.

    target/python/bin/python -m pip install .        # a release build
    target/python/bin/python bench/python/itsdangerous_cookies.py

Each figure is the best of nine rounds, in microseconds.
"""

from __future__ import annotations

import timeit
from typing import Any, Callable

import itsdangerous
from sessile import _sessile
from sessile import itsdangerous as ours

SESSIONS: dict[str, Any] = {
    "plain, 2 keys": {"user_id": 42, "name": "ada"},
    "login, compressed": {
        "_fresh": True,
        "_id": "8c5e6a1d0b7f2e943f1c0b6f9a3d47c2" * 4,
        "_user_id": "42",
        "_permanent": True,
        "csrf_token": "1d0b7f2e943f1c0b6f9a3d47c28c5e6a1d0b7f2e",
    },
    "33 keys, compressed": {f"key{number}": f"value {number}" for number in range(33)},
}
ROUNDS, CALLS = 9, 5000


def best(works: list[Callable[[], Any]]) -> list[float]:
    rounds = [[timeit.timeit(work, number=CALLS) for work in works] for _ in range(ROUNDS)]
    return [min(times) / CALLS * 1e6 for times in zip(*rounds)]


def main() -> None:
    print("| cookie | loads: original | ours | times | dumps: original | ours | times |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    calls = 0
    for name, session in SESSIONS.items():
        theirs, mine = (it.URLSafeTimedSerializer("a key", salt="s") for it in (itsdangerous, ours))
        text = theirs.dumps(session)
        assert mine.loads(text, max_age=60) == session and mine.dumps(session)[:20] == text[:20]
        load = best([lambda: theirs.loads(text, max_age=60), lambda: mine.loads(text, max_age=60)])
        dump = best([lambda: theirs.dumps(session), lambda: mine.dumps(session)])
        calls += ROUNDS * CALLS
        cells = [f"{a:.2f} | {b:.2f} | {a / b:.1f}" for a, b in (load, dump)]
        print(f"| {name}, {len(text)} B | {' | '.join(cells)} |")
    for operation in ("serializer loads", "serializer dumps"):
        rust, python = _sessile.taken()[operation]
        assert rust >= calls and python == 0, (operation, rust, python)


main()
