"""The tables that we make for Flask-Session and Django are those that the originals make.

$SESSILE is the `sessile` program; the servers' addresses are in $SESSILE_TEST_…_URL.
"""

import json
import os
import pathlib
import sqlite3
import sys
import tempfile
import unittest
import urllib.parse

import psycopg
import pymysql

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from live import HERE, Server, demo, server_url  # noqa: E402

KEY = "a-secret-key-of-more-than-32-bytes-for-tests"


def theirs(table, url):
    """The original makes its table in that database."""
    if table == "sessions":
        app = Server(
            [sys.executable, HERE / "flask_session_app.py"],
            SECRET_KEY=KEY,
            STORE=url,
            VARIANTS=json.dumps([{}]),
        )
    else:
        app = Server(
            [sys.executable, HERE / "django_app.py"],
            SECRET_KEY=KEY,
            SESSION_ENGINE="db",
            DATABASE=url,
        )
    app.stop()


def ours(table, url):
    """We do, in that database."""
    if table == "sessions":
        profile, settings = "flask-session", {"SESSION_TYPE": "sqlalchemy"}
    else:
        profile, settings = "django", {"SESSION_ENGINE": "db"}
    demo(profile, SECRET_KEY=KEY, SESSION_URL=url, **settings).stop()


class TablesTest(unittest.TestCase):
    def compare(self, places, shape):
        """`places` makes an empty database for a name; `shape` describes a table in one."""
        for table in ("sessions", "django_session"):
            with self.subTest(table):
                shapes = []
                for make in (theirs, ours):
                    url = places(f"tables_{make.__name__}_{table}")
                    make(table, url)
                    shapes.append(shape(url, table))
                self.assertTrue(shapes[0])
                self.maxDiff = None
                self.assertEqual(shapes[1], shapes[0])

    def test_in_sqlite(self):
        folder = tempfile.TemporaryDirectory(prefix="sessile-tables-")
        self.addCleanup(folder.cleanup)

        def shape(url, table):
            found = sqlite3.connect(url.removeprefix("sqlite:///"))
            try:
                columns = found.execute(f"PRAGMA table_info({table})").fetchall()
                indexes = found.execute(f"PRAGMA index_list({table})").fetchall()
                return columns, sorted(
                    (*index[1:], found.execute(f"PRAGMA index_xinfo({index[1]})").fetchall())
                    for index in indexes
                )
            finally:
                found.close()

        self.compare(lambda name: f"sqlite:///{folder.name}/{name}.db", shape)

    def test_in_postgresql(self):
        admin = psycopg.connect(server_url("postgres"), autocommit=True)
        self.addCleanup(admin.close)

        def place(name):
            name = f"{name}_{os.getpid()}"
            admin.execute(f"CREATE DATABASE {name}")
            self.addCleanup(admin.execute, f"DROP DATABASE {name} WITH (FORCE)")
            return server_url("postgres").rsplit("/", 1)[0] + f"/{name}"

        def shape(url, table):
            with psycopg.connect(url) as found:
                return [
                    found.execute(question, [table]).fetchall()
                    for question in (
                        "SELECT column_name, data_type, character_maximum_length, "
                        "datetime_precision, is_nullable, column_default, is_identity, collation_name "
                        "FROM information_schema.columns WHERE table_name = %s "
                        "ORDER BY ordinal_position",
                        "SELECT indexdef FROM pg_indexes WHERE tablename = %s ORDER BY indexname",
                        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
                        "WHERE conrelid = to_regclass(%s) ORDER BY conname",
                    )
                ]

        self.compare(place, shape)

    def test_in_mariadb(self):
        parts = urllib.parse.urlsplit(server_url("mysql"))

        def connect(database):
            return pymysql.connect(
                host=parts.hostname,
                port=parts.port,
                user=parts.username,
                password=parts.password,
                database=database,
            )

        admin = connect(None)
        self.addCleanup(admin.close)

        def place(name):
            name = f"{name}_{os.getpid()}"
            admin.cursor().execute(f"CREATE DATABASE {name}")
            self.addCleanup(admin.cursor().execute, f"DROP DATABASE {name}")
            return server_url("mysql").rsplit("/", 1)[0] + f"/{name}"

        def shape(url, table):
            found = connect(url.rsplit("/", 1)[1])
            try:
                cursor = found.cursor()
                cursor.execute(f"SHOW CREATE TABLE {table}")
                return cursor.fetchone()[1]
            finally:
                found.close()

        self.compare(place, shape)


if __name__ == "__main__":
    unittest.main()
