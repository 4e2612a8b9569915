"""Flask: `Sessile(app, store=…)`.

The session is read from its store when a view first uses it. What a request set and removed is put
on top of whatever is stored by then, so requests at once lose nothing of one another.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Request, Response, current_app
from flask import session as current_session
from flask.sessions import SessionInterface, SessionMixin

from .._app import App, SessionInfo, answer_of, settings_in
from .._wsgi import fields_of, is_https
from ..exceptions import SessileError
from ..session import Session

__all__ = ["FlaskSession", "Sessile", "SessileInterface"]


class FlaskSession(Session, SessionMixin):  # type: ignore[override]
    """What ``flask.session`` is."""


class SessileInterface(SessionInterface):
    """Flask's own hook."""

    def __init__(self, sessions: App) -> None:
        self.sessions = sessions

    def open_session(self, app: Flask, request: Request) -> FlaskSession:
        environ = request.environ
        return FlaskSession(
            self.sessions,
            lambda: self.sessions.begin(
                request.method,
                is_https(environ),
                None,
                request.path,
                environ.get("QUERY_STRING"),
                fields_of(environ),
            ),
        )

    def save_session(self, app: Flask, session: Any, response: Response) -> None:
        fields = [(name, value.encode("latin-1")) for name, value in response.headers]
        try:
            edits = session.finish(response.status_code, fields)
        except SessileError as error:
            self._replace(app, response, error)
            return
        for replaces, name, value in edits:
            text = value.decode("latin-1")
            if replaces:
                response.headers[name] = text
            else:
                response.headers.add(name, text)

    def _replace(self, app: Flask, response: Response, error: SessileError) -> None:
        """A success whose changes were lost is never sent."""
        answer = app.make_response(app.handle_user_exception(error))
        response.close()
        response.direct_passthrough = False
        response.status_code = answer.status_code
        response.headers.clear()
        response.headers.extend(answer.headers)
        response.set_data(answer.get_data())


class Sessile:
    """Sessions for a Flask application.

    ``store`` is an address (``redis://…``, ``postgresql://…``), a ``redis.Redis``,
    ``sessile.stores.Memory()``, or an object with the methods ``get``, ``put_if``, ``delete_if``.
    Without one the settings say it: ``SESSION_URL``, ``SESSION_TYPE``. Settings are those of
    docs/configuration.md, in ``app.config``.

    A store that fails is answered with 503, a session that was ended meanwhile with 409; register
    an error handler for ``StoreError`` or ``SessionEnded`` for pages of your own.
    """

    def __init__(self, app: Flask | None = None, store: Any = None) -> None:
        self._store = store
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        settings = settings_in(app.config, Flask.default_config, self._store)
        if "SESSION_DEVELOPMENT" not in app.config and (app.debug or app.testing):
            if app.config.get("SESSION_PROFILE") in (None, "native"):
                settings["SESSION_DEVELOPMENT"] = True
        sessions = App(self._store, settings)
        app.extensions["sessile"] = sessions
        app.session_interface = SessileInterface(sessions)
        app.register_error_handler(SessileError, _answer)

    @property
    def _sessions(self) -> App:
        return current_app.extensions["sessile"]  # type: ignore[no-any-return]

    def of(self, subject: str) -> list[SessionInfo]:
        """The live sessions of a user, newest first."""
        return self._sessions.of(subject)

    def end(self, subject: str, handle: str) -> bool:
        """Ends one session of a user. Whether there was one."""
        return self._sessions.end(subject, handle)

    def end_all(self, subject: str) -> int:
        """Ends every session of a user. How many there were."""
        return self._sessions.end_all(subject)

    def end_others(self) -> int:
        """Ends the other sessions of the user who is logged in. How many there were."""
        return current_session.end_others()  # type: ignore[attr-defined,no-any-return]


def _answer(error: SessileError) -> Response:
    status, headers, text = answer_of(error)
    return Response(text, status=status, headers=headers)
