"""In place of `flask.json.tag`: JSON that knows tuples, bytes, dates and more from what they look
like in it.

The tags are Flask's own classes, so that what an application derives from either is known to both.
The serializer writes and reads in Rust while its tags and the application's JSON are Flask's; else,
and wherever something is wrong, it is Flask's.
"""

from __future__ import annotations

import json
from typing import Any

from flask.globals import current_app
from flask.json import dumps as _dumps
from flask.json import loads as _loads
from flask.json import tag as _flask
from flask.json.provider import DefaultJSONProvider
from flask.json.tag import (
    JSONTag,
    PassDict,
    PassList,
    TagBytes,
    TagDateTime,
    TagDict,
    TagMarkup,
    TagTuple,
    TagUUID,
)

from .._sessile import in_python, tagged_dumps, tagged_loads

__all__ = [
    "JSONTag",
    "PassDict",
    "PassList",
    "TagBytes",
    "TagDateTime",
    "TagDict",
    "TagMarkup",
    "TagTuple",
    "TagUUID",
    "TaggedJSONSerializer",
]

#: What `in_python` counts.
_TAGGED_DUMPS, _TAGGED_LOADS = 4, 5
#: How the compiled part spells: keys sorted, or not, or that it must not.
_SORTED, _UNSORTED, _OTHERWISE = 2, 3, 255

_TAGS = (TagDict, PassDict, TagTuple, PassList, TagBytes, TagMarkup, TagUUID, TagDateTime)
_TAG_METHODS = ("check", "to_json", "to_python", "tag", "__init__")
_METHODS: tuple[str, ...] = ("dumps", "loads", "tag", "untag", "register")
_JSON = (json.dumps, json.loads)
_PROVIDED = (DefaultJSONProvider.dumps, DefaultJSONProvider.loads)
#: Attributes of a provider that have no say in what a session looks like, or are looked at.
_LOOKED_AT = {"_app", "sort_keys", "ensure_ascii", "compact", "mimetype", "default"}


def _of_flask(cls: type, names: tuple[str, ...]) -> bool:
    """Whether the methods are those that Flask wrote for this class."""
    return all(
        getattr(getattr(cls, name), "__module__", None) == "flask.json.tag" for name in names
    )


class TaggedJSONSerializer(_flask.TaggedJSONSerializer):
    """Flask's, with `dumps` and `loads` in Rust where nothing that takes part is changed."""

    __slots__ = ("_seen",)

    #: The tags as they were last looked at, and whether they were Flask's.
    _seen: tuple[list[JSONTag], dict[str, JSONTag], bool]

    def dumps(self, value: Any) -> str:
        """The value as tagged JSON, without white space."""
        text = tagged_dumps(value, self._sessile_spelling())
        if text is not NotImplemented:
            return text  # type: ignore[no-any-return]
        in_python(_TAGGED_DUMPS)
        return super().dumps(value)

    def loads(self, value: str) -> Any:
        """The value of tagged JSON."""
        if self._sessile_spelling() != _OTHERWISE:
            found = tagged_loads(value)
            if found is not NotImplemented:
                return found
        in_python(_TAGGED_LOADS)
        return super().loads(value)

    def _sessile_spelling(self) -> int:
        """How the compiled part does the same, by its number. Asked at every call: tags can be
        registered at any time, and the JSON is that of the application at hand."""
        try:
            order, tags, known = self._seen
            if order != self.order or tags != self.tags:
                known = self._look()
        except AttributeError:
            known = self._look()
        return _provided() if known else _OTHERWISE

    def _look(self) -> bool:
        keyed = {tag.key: tag for tag in self.order if tag.key}
        known = (
            # A subclass may keep whatever it likes beside these.
            type(self) is TaggedJSONSerializer
            and tuple(type(tag) for tag in self.order) == _TAGS
            and self.tags == keyed
            and all(tag.serializer is self for tag in self.order)
            and all(_of_flask(tag, _TAG_METHODS) for tag in _TAGS)
            and all(getattr(TaggedJSONSerializer, name) is _OURS[name] for name in _METHODS)
            and (vars(_flask)["dumps"], vars(_flask)["loads"]) == (_dumps, _loads)
        )
        self._seen = (list(self.order), dict(self.tags), known)
        return known


# One more from Flask 3.0.1 on.
_METHODS += ("_untag_scan",) if hasattr(TaggedJSONSerializer, "_untag_scan") else ()
_OURS = {name: getattr(TaggedJSONSerializer, name) for name in _METHODS}


def _provided() -> int:
    """The spelling of `flask.json` where it is called."""
    if (json.dumps, json.loads) != _JSON:
        return _OTHERWISE
    try:
        provider = current_app.json
    except RuntimeError:
        # No application: `json` itself, which does not sort.
        return _UNSORTED
    if (
        type(provider) is not DefaultJSONProvider
        or (DefaultJSONProvider.dumps, DefaultJSONProvider.loads) != _PROVIDED
        or not _LOOKED_AT.issuperset(provider.__dict__)
        or provider.ensure_ascii is not True
    ):
        return _OTHERWISE
    return _SORTED if provider.sort_keys else _UNSORTED
