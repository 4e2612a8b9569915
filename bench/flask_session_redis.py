"""Flask-Session's own loads of the sessions that `million` made in Redis, in its layout.

    .cache/venv/bin/python bench/flask_session_redis.py redis://127.0.0.1:PORT [LOADS]

`cargo xtask bench million` makes both, the sessions and the environment.
"""

import sys
import time
import warnings

from flask import Flask
from flask_session import Session
from redis import Redis

warnings.simplefilter("ignore", DeprecationWarning)


def main(url, loads=20_000):
    client = Redis.from_url(url)
    app = Flask(__name__)
    app.config.update(SESSION_TYPE="redis", SESSION_REDIS=client)
    Session(app)
    with client.pipeline(transaction=False) as asked:
        for _ in range(loads):
            asked.randomkey()
        keys = [key.decode() for key in asked.execute()]
    times = []
    for key in keys:
        started = time.perf_counter()
        found = app.session_interface._retrieve_session_data(key)
        times.append(time.perf_counter() - started)
        assert found and found["username"], key
    times.sort()
    p50, p99 = (times[len(times) * share // 100] * 1e6 for share in (50, 99))
    print(f"| Redis | Flask-Session 0.8, the same keys | {p50:.0f} | {p99:.0f} | the same |")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
