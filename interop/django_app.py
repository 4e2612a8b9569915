"""A small Django application, to be run beside the Rust demo site.

The environment says how: SECRET_KEY signs; SESSION_ENGINE is the last part of the engine's name;
DATABASE and CACHE are the addresses of what it uses, DIRECTORY the folder of the engine `file`;
SETTINGS is a JSON object with further settings. When ready it prints
`Listening on http://127.0.0.1:PORT`; SIGTERM stops it.

The pages are those of flask_app.py; POST /rotate besides gives the session a new key.
"""

import collections
import json
import os
import signal
import sys

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.safestring import mark_safe
from werkzeug.serving import make_server

from flask_app import Quiet
from originals_at import django_cache, django_database


def configure():
    environment = os.environ
    more = json.loads(environment.get("SETTINGS", "{}"))
    if "DATABASE" in environment:
        more["DATABASES"] = {"default": django_database(environment["DATABASE"])}
        if environment["DATABASE"].startswith("mysql:"):
            import pymysql

            # Django knows mysqlclient only, which has to be compiled.
            pymysql.install_as_MySQLdb()
    if "CACHE" in environment:
        more["CACHES"] = {"default": django_cache(environment["CACHE"])}
    if "DIRECTORY" in environment:
        more["SESSION_FILE_PATH"] = environment["DIRECTORY"]
    settings.configure(
        SECRET_KEY=environment["SECRET_KEY"],
        SESSION_ENGINE=f"django.contrib.sessions.backends.{environment['SESSION_ENGINE']}",
        ALLOWED_HOSTS=["127.0.0.1"],
        INSTALLED_APPS=["django.contrib.sessions"],
        MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        **more,
    )
    django.setup()
    if "DATABASE" in environment:
        call_command("migrate", verbosity=0)


def index(request):
    username = request.session.get("username")
    return HttpResponse(f"Logged in as {username}" if username else "Not logged in")


def login(request):
    # As django.contrib.auth does, whose login is more than a session.
    request.session.cycle_key()
    request.session["username"] = request.POST["username"]
    return HttpResponseRedirect("/")


def logout(request):
    request.session.flush()
    return HttpResponseRedirect("/")


def rotate(request):
    request.session.cycle_key()
    return HttpResponseRedirect("/")


def session(request):
    if request.method == "POST":
        changes = json.loads(request.body)
        for key in changes.get("remove", []):
            request.session.pop(key, None)
        for key, value in changes.get("set", {}).items():
            request.session[key] = value
    data = dict(request.session.items())
    return HttpResponse(json.dumps({"data": data}), content_type="application/json")


class Own:
    """What no plain data can express."""


def classes(request):
    """Puts values of Python's and Django's own classes into the session, and says what is there."""
    if request.method == "POST":
        request.session["safe"] = mark_safe("<b>Zoë</b>")
        request.session["frozen"] = frozenset({"a"})
        request.session["set"] = {"a"}
        request.session["ordered"] = collections.OrderedDict(b=1, a=2)
        request.session["array"] = bytearray(b"\0\xff")
        request.session["nested"] = {frozenset({1, 2}): [mark_safe("x"), frozenset()]}
    names = ["safe", "frozen", "set", "ordered", "array", "nested"]
    return HttpResponse(repr([request.session[name] for name in names]))


def own(request):
    if request.method == "POST":
        request.session["own"] = Own()
    return HttpResponse(type(request.session.get("own")).__name__)


def safe(request):
    return HttpResponse(type(request.session["safe"]).__name__)


urlpatterns = [
    path("safe", safe),
    path("classes", classes),
    path("own", own),
    path("", index),
    path("login", login),
    path("logout", logout),
    path("rotate", rotate),
    path("api/session", session),
]


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    configure()
    application = get_wsgi_application()
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Quiet)
    print(f"Listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
