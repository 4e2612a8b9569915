"""Small Flask applications with Flask-Session, to be run beside the Rust demo site.

The environment says how: STORE is the address of the server (`redis:`, `memcached:`, `mongodb:`,
a database's, or `file:` and a folder); SECRET_KEY signs; VARIANTS is a JSON list of settings, and
each of its entries is an application of its own, on a port of its own, with these settings.
When ready it prints `Listening on http://127.0.0.1:PORT` for each, in order; SIGTERM stops all.

The pages are those of flask_app.py; POST /rotate besides gives the session a new id.
"""

import json
import os
import signal
import sys
import threading
import warnings

from cachelib.file import FileSystemCache
from flask import Flask, Response, redirect, request, session
from flask.json.tag import TaggedJSONSerializer
from flask_session import Session
from flask_sqlalchemy import SQLAlchemy
from pymemcache.client.base import Client as OneMemcached
from pymemcache.client.hash import HashClient
from pymongo import MongoClient
from redis import Redis
from werkzeug.serving import make_server

from flask_app import Quiet
from originals_at import sqlalchemy_url

# Its own warnings: that the signer and some ways to name a store will go one day.
warnings.simplefilter("ignore", DeprecationWarning)


def create_app(store, settings):
    app = Flask(__name__)
    app.config["SECRET_KEY"] = os.environ["SECRET_KEY"]
    app.config.update(settings)
    connect(app, store)
    Session(app)
    tagged = TaggedJSONSerializer()

    @app.get("/")
    def index():
        return f"Logged in as {session['username']}" if "username" in session else "Not logged in"

    @app.post("/login")
    def login():
        session["username"] = request.form["username"]
        return redirect("/")

    @app.post("/logout")
    def logout():
        session.clear()
        return redirect("/")

    @app.post("/rotate")
    def rotate():
        app.session_interface.regenerate(session)
        return redirect("/")

    @app.get("/api/session")
    def show():
        return Response(tagged.dumps({"data": dict(session)}), mimetype="application/json")

    @app.post("/api/session")
    def change():
        changes = tagged.loads(request.get_data(as_text=True))
        for key in changes.get("remove", []):
            session.pop(key, None)
        session.update(changes.get("set", {}))
        return show()

    return app


def connect(app, store):
    """Hands the application the client that Flask-Session wants."""
    scheme, _, place = store.partition(":")
    if scheme == "redis":
        app.config.update(SESSION_TYPE="redis", SESSION_REDIS=Redis.from_url(store))
    elif scheme == "memcached":
        servers = place.removeprefix("//").split(",")
        # Else it does not wait for its writes, and the next request of a visitor, to another process,
        # may be there before them.
        waits = {"default_noreply": False}
        one = len(servers) == 1
        client = OneMemcached(servers[0], **waits) if one else HashClient(servers, **waits)
        app.config.update(SESSION_TYPE="memcached", SESSION_MEMCACHED=client)
    elif scheme == "mongodb":
        app.config.update(SESSION_TYPE="mongodb", SESSION_MONGODB=MongoClient(store))
    elif scheme == "file":
        app.config.update(SESSION_TYPE="cachelib", SESSION_CACHELIB=FileSystemCache(place))
    else:
        app.config["SQLALCHEMY_DATABASE_URI"] = sqlalchemy_url(store)
        app.config.update(SESSION_TYPE="sqlalchemy", SESSION_SQLALCHEMY=SQLAlchemy(app))


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    applications = [
        create_app(os.environ["STORE"], settings)
        for settings in json.loads(os.environ["VARIANTS"])
    ]
    for app in applications:
        server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"Listening on http://127.0.0.1:{server.server_port}", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
