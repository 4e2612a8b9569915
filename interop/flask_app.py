"""A small Flask application as people write them, to be run beside the Rust demo site.

Keys come from the environment: SECRET_KEY, and SECRET_KEY_FALLBACKS as a JSON list, oldest first.
When ready it prints `Listening on http://127.0.0.1:PORT`; SIGTERM stops it.

GET  /                what a visitor sees
POST /login           form field `username`
POST /cart            form field `item`, added to the list `cart`
POST /logout          empties the session
GET  /api/session     {"data": …}: the whole session
POST /api/session     {"set": {…}, "remove": [key, …]}, both optional; answers like GET

The values of `data` and `set` are in Flask's tagged JSON ({" b": …} for bytes and so on), so that
a test sees types, too. The Rust demo answers /api/session in the same way.
"""

import json
import os
import signal
import sys

from flask import Flask, Response, redirect, request, session
from werkzeug.serving import WSGIRequestHandler, make_server


def create_app():
    app = Flask(__name__)
    app.config["SECRET_KEY"] = os.environ["SECRET_KEY"]
    app.config["SECRET_KEY_FALLBACKS"] = json.loads(os.environ.get("SECRET_KEY_FALLBACKS", "[]"))
    tagged = app.session_interface.serializer

    @app.get("/")
    def index():
        return f"Logged in as {session['username']}" if "username" in session else "Not logged in"

    @app.post("/login")
    def login():
        session["username"] = request.form["username"]
        return redirect("/")

    @app.post("/cart")
    def cart():
        session["cart"] = [*session.get("cart", []), request.form["item"]]
        return redirect("/")

    @app.post("/logout")
    def logout():
        session.clear()
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


class Quiet(WSGIRequestHandler):
    def log_request(self, *_):
        pass


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = make_server("127.0.0.1", 0, create_app(), threaded=True, request_handler=Quiet)
    print(f"Listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
