"""What applications change of Flask's sessions, changed of ours: tags, JSON, keys, methods."""

from __future__ import annotations

import collections
import hashlib
from collections.abc import Callable
from typing import Any

import flask
import flask.json.provider
import flask.sessions
import pytest
from flask.json import tag as flask_tag
from flask_apps import INTERFACES, application, changed, clock, counted  # noqa: F401
from generated import outcome
from sessile.flask import (
    JSONTag,
    SecureCookieSession,
    SecureCookieSessionInterface,
    TaggedJSONSerializer,
    session_json_serializer,
)

class TagOrderedDict(JSONTag):
    __slots__ = ()
    key = " od"

    def check(self, value: Any) -> bool:
        return isinstance(value, collections.OrderedDict)

    def to_json(self, value: Any) -> Any:
        return [[key, self.serializer.tag(it)] for key, it in value.items()]

    def to_python(self, value: Any) -> Any:
        return collections.OrderedDict(value)


class TagBytesOtherwise(flask_tag.TagBytes):
    def to_json(self, value: Any) -> Any:
        return value.hex()

    def to_python(self, value: Any) -> Any:
        return bytes.fromhex(value)


class Provider(flask.json.provider.DefaultJSONProvider):
    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return super().dumps(obj, **kwargs).replace("ada", "bob")


VALUES = [{"b": 2, "a": (1, b"x")}, {"od": collections.OrderedDict(z=1, a=(2,))}, {"n": "ada"}]


def both() -> list[Any]:
    return [flask_tag.TaggedJSONSerializer(), TaggedJSONSerializer()]


def agree(theirs: Any, ours: Any, rust: bool) -> None:
    """They write and read the same, and Rust was asked, or not once."""
    with counted("tagged dumps", "tagged loads") as taken:
        for value in VALUES:
            written = outcome(theirs.dumps, value)
            assert outcome(ours.dumps, value) == written
            if written[0] == "returned":
                text = theirs.dumps(value)
                assert outcome(ours.loads, text) == outcome(theirs.loads, text)
        assert (taken()[0] > 0) is rust


def test_tags_can_be_registered_at_any_time() -> None:
    theirs, ours = both()
    agree(theirs, ours, True)
    for it in (theirs, ours):
        it.register(TagOrderedDict, index=0)
        with pytest.raises(KeyError):
            it.register(TagOrderedDict)
    agree(theirs, ours, False)
    theirs, ours = both()
    for it in (theirs, ours):
        it.register(TagBytesOtherwise, force=True, index=0)
    agree(theirs, ours, False)


@pytest.mark.parametrize("change", [
    lambda it: it.order.reverse(), lambda it: it.order.pop(), lambda it: it.tags.pop(" t"),
    lambda it: it.order.__setitem__(4, TagBytesOtherwise(it)),
    lambda it: it.tags.__setitem__(" b", TagBytesOtherwise(it)),
])  # fmt: skip
def test_tags_and_order_can_be_changed_by_hand(change: Callable[[Any], None]) -> None:
    theirs, ours = both()
    agree(theirs, ours, True)
    change(theirs)
    change(ours)
    agree(theirs, ours, False)


def test_subclasses_of_the_serializer_are_asked() -> None:
    def made(base: Any) -> Any:
        class Mine(base):  # type: ignore[misc]
            def tag(self, value: Any) -> Any:
                return "ada" if value == 2 else super().tag(value)

        return Mine()

    agree(made(flask_tag.TaggedJSONSerializer), made(TaggedJSONSerializer), False)

    def more(base: Any) -> Any:
        return type("More", (base,), {"default_tags": [TagOrderedDict, *base.default_tags]})()

    agree(more(flask_tag.TaggedJSONSerializer), more(TaggedJSONSerializer), False)


def test_the_applications_json_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    app = application()
    with app.app_context():
        agree(*both(), True)
        app.json.sort_keys = False
        agree(*both(), True)
        app.json.ensure_ascii = False
        agree(*both(), False)
        app.json = Provider(app)
        agree(*both(), False)
        app.json = flask.json.provider.DefaultJSONProvider(app)
        agree(*both(), True)
        app.json.loads = lambda text: {"read": text}
        agree(*both(), False)
    agree(*both(), True)
    theirs, ours = both()
    real = flask_tag.TagBytes.to_json
    monkeypatch.setattr(flask_tag.TagBytes, "to_json", lambda self, it: real(self, it) + "=")
    agree(theirs, ours, False)


def test_subclasses_of_the_interface_change_what_they_would_of_flasks() -> None:
    class Lowercase(dict, flask.sessions.SessionMixin):  # type: ignore[type-arg,misc]
        def __init__(self, held: Any = None) -> None:
            super().__init__({key.lower(): it for key, it in dict(held or {}).items()})

    serializer = flask_tag.TaggedJSONSerializer()
    serializer.register(TagOrderedDict, index=0)
    changes: list[dict[str, Any]] = [
        {"salt": "other"},
        {"digest_method": staticmethod(hashlib.sha512)},
        {"digest_method": staticmethod(hashlib.md5)},
        {"key_derivation": "concat"},
        {"serializer": serializer},
        {"serializer": flask.json},
        {"session_class": Lowercase},
        {"get_cookie_name": lambda self, app: "mine"},
        {"should_set_cookie": lambda self, app, session: False},
        {"get_signing_serializer": lambda self, app: None},
    ]
    for change in changes:
        seen = []
        for kind in INTERFACES:
            app = application(changed(kind, **change))
            app.logger.disabled = True
            app.post("/", endpoint="write")(lambda: flask.session.update(A=[1, 2], b="x") or "")
            app.get("/")(lambda: dict(flask.session))
            client = app.test_client()
            written = client.post("/")
            read = client.get("/")
            seen.append((written.status, written.headers, read.status, read.text))
        assert seen[0] == seen[1], change


def test_what_signs_may_be_changed_and_is_new_each_time() -> None:
    app = application(SECRET_KEY_FALLBACKS=["old"])
    with app.app_context():
        mine, theirs = (kind() for kind in reversed(INTERFACES))
        for _ in range(2):
            signing, original = (it.get_signing_serializer(app) for it in (mine, theirs))
            assert signing.dumps({"a": 1}) == original.dumps({"a": 1})
            for it in (signing, original):
                it.secret_keys.append(b"third")
                it.signer_kwargs["key_derivation"] = "concat"
                it.salt = b"another"
            assert signing.dumps({"a": 1}) == original.dumps({"a": 1})


def test_a_serializer_of_ones_own_is_asked_anew_each_time() -> None:
    class Turning:
        text = True

        def dumps(self, value: Any) -> Any:
            return "[]" if self.text else b"[]"

        loads = staticmethod(lambda given: given)

    for kind in INTERFACES:
        app = application(changed(kind, serializer=Turning()))
        for text in (True, False):
            app.session_interface.serializer.text = text
            signing = app.session_interface.get_signing_serializer(app)
            assert isinstance(signing.dumps({}), str) is text


def test_classes_are_flasks_where_they_are_not_changed() -> None:
    assert SecureCookieSession is flask.sessions.SecureCookieSession
    assert JSONTag is flask_tag.JSONTag
    assert issubclass(SecureCookieSessionInterface, flask.sessions.SecureCookieSessionInterface)
    assert SecureCookieSessionInterface.serializer is session_json_serializer
    assert not hasattr(session_json_serializer, "__dict__")
    assert application().session_interface.get_signing_serializer(flask.Flask("keyless")) is None
