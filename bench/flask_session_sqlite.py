"""Flask-Session's own loads of the rows that `million` made in its table.

    .cache/venv/bin/python bench/flask_session_sqlite.py FOLDER/flasksession.db [LOADS]

`cargo xtask bench million` makes both, the file and the environment.
"""

import random
import sqlite3
import sys
import time
import warnings

from flask import Flask
from flask_session import Session
from flask_sqlalchemy import SQLAlchemy

warnings.simplefilter("ignore", DeprecationWarning)


def main(file, loads=20_000):
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{file}"
    app.config.update(SESSION_TYPE="sqlalchemy", SESSION_SQLALCHEMY=SQLAlchemy(app))
    Session(app)
    database = sqlite3.connect(file)
    (sessions,) = database.execute("SELECT max(id) FROM sessions").fetchone()
    question = "SELECT session_id FROM sessions WHERE id = ?"
    keys = [
        database.execute(question, [random.randint(1, sessions)]).fetchone()[0]
        for _ in range(loads)
    ]
    database.close()
    times = []
    for key in keys:
        # A request has a context of its own, and with it SQLAlchemy's session.
        with app.app_context():
            started = time.perf_counter()
            found = app.session_interface._retrieve_session_data(key)
            times.append(time.perf_counter() - started)
            assert found, key
    times.sort()
    p50, p99 = (times[len(times) * share // 100] * 1e6 for share in (50, 99))
    print(f"| SQLite | Flask-Session 0.8, the same rows | {p50:.0f} | {p99:.0f} | the same |")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
