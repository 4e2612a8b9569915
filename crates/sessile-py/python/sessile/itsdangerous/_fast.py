"""Whether the compiled part may do what a signer or serializer is asked.

It may where nothing that a user can change has been changed: every method that takes part is
the one of this package, the hash and the algorithm are known, the serializer is known. That is
looked at once for each object and again when one of its attributes is another. Any doubt, and
any error, leaves the work to the Python code, whose behaviour is the reference.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Callable

from .._sessile import Signed
from ._json import _CompactJSON

if TYPE_CHECKING:
    from .serializer import Serializer
    from .signer import Signer

#: What `in_python` counts.
SIGN, UNSIGN, DUMPS, LOADS = range(4)

#: What to use, how it spells (a number, or what says it), the signer's class if it is timed.
Plan = tuple[Signed, Any, Any]
#: What an object's attributes were, and what to use while they are the same, by salt.
Plans = tuple[dict[str, Any], dict[Any, "Plan | None"]]

_DIGESTS: dict[Any, str] = {}
_HASHES = {name: getattr(hashlib, name) for name in ("sha1", "sha256", "sha384", "sha512")}
_LAZY: set[Any] = set()
_ATTRIBUTES = {"secret_keys", "salt", "sep", "key_derivation", "digest_method", "algorithm"}
_JSON = (json.dumps, json.loads, _CompactJSON.dumps, _CompactJSON.loads)

#: Keys are derived once for all objects made with the same ones.
_made: dict[tuple[Any, ...], Signed | None] = {}
_MOST_MADE = 64


def register_lazy_sha1(function: Any) -> None:
    """Tells that calling this function is calling `hashlib.sha1`."""
    _LAZY.add(function)


def _register_digests() -> None:
    for name, function in _HASHES.items():
        try:
            function(b"")
        except Exception:
            # A build of Python that forbids it (FIPS): it is for Python to say so.
            continue
        _DIGESTS[function] = name


_register_digests()


def _digest(method: Any) -> str | None:
    try:
        if method in _LAZY:
            # It looks the function up when it is called, and so do we.
            method = hashlib.sha1
        return _DIGESTS.get(method)
    except TypeError:
        return None


def snapshot(attributes: dict[str, Any]) -> dict[str, Any]:
    """The attributes as they are now, so that a change within a list or dict is seen too."""
    return {
        name: value.copy() if value.__class__ in (list, dict) else value
        for name, value in attributes.items()
    }


def same(cls: type, originals: dict[str, Any]) -> bool:
    """Whether a class has these very methods."""
    return all(getattr(cls, name, None) is method for name, method in originals.items())


def compiled(signer: Signer, originals: dict[str, Any], url_safe: bool) -> Signed | None:
    """The compiled signer that does what this one does; `None` if there is none."""
    from .signer import _ALGORITHM, HMACAlgorithm

    attributes, algorithm = signer.__dict__, signer.algorithm
    digest = _digest(signer.digest_method)
    known = (
        digest is not None
        and attributes.keys() == _ATTRIBUTES
        and same(type(signer), originals)
        and type(algorithm) is HMACAlgorithm
        and same(HMACAlgorithm, _ALGORITHM)
        and algorithm.__dict__.keys() == {"digest_method"}
        and _digest(algorithm.digest_method) == digest
        and type(signer.key_derivation) is str
        and type(signer.salt) is bytes
        and type(signer.sep) is bytes
        and type(signer.secret_keys) is list
        and all(type(key) is bytes for key in signer.secret_keys)
    )
    if not known or digest is None:
        return None
    keys = tuple(signer.secret_keys)
    asked = (keys, signer.salt, signer.sep, signer.key_derivation, digest, url_safe)
    try:
        return _made[asked]
    except KeyError:
        if len(_made) >= _MOST_MADE:
            _made.clear()
        made = _made[asked] = Signed.make(
            list(keys), signer.salt, signer.sep, signer.key_derivation, digest, url_safe
        )
        return made


def spelling(serializer: Any) -> int | Callable[[], int] | None:
    """How a serializer spells, by the compiled part's number; `None` if that is not known."""
    current = (json.dumps, json.loads, _CompactJSON.dumps, _CompactJSON.loads)
    if any(now is not then for now, then in zip(current, _JSON)):
        return None
    if serializer is json:
        return 0
    if serializer is _CompactJSON:
        return 1
    # Flask's: whether keys are sorted hangs on the application of the moment.
    hook = getattr(serializer, "_sessile_spelling", None)
    return hook if callable(hook) else None


def plan(
    serializer: Serializer[Any], salt: Any, kinds: tuple[dict[str, Any], ...], timed: bool
) -> Plan | None:
    """What to do for this serializer and salt, kept for the next time.

    `kinds` are the methods as plain and as URL-safe serializers have them.
    """
    cls = type(serializer)
    found: Plan | None = None
    try:
        attributes = serializer.__dict__
        seen = snapshot(attributes)
        names = kinds[0].keys()
        kind = next((at for at, methods in enumerate(kinds) if same(cls, methods)), None)
        if kind is not None and attributes.keys().isdisjoint(names):
            found = _resolve(serializer, salt, bool(kind), timed)
        held = getattr(serializer, "_fast", None)
        # Salts without end must not be kept without end.
        if held is not None and held[0] == seen and len(held[1]) < _MOST_MADE:
            held[1][salt] = found
        else:
            serializer._fast = (seen, {salt: found})
    except Exception:
        # Whatever is wrong is met again, and said, in Python.
        return None
    return found


def _resolve(serializer: Serializer[Any], salt: Any, url_safe: bool, timed: bool) -> Plan | None:
    from .signer import _METHODS, Signer
    from .timed import _TIMED_METHODS

    spelled = spelling(serializer.serializer)
    cls = serializer.signer
    if spelled is None or serializer.serializer_kwargs or serializer.is_text_serializer is not True:
        return None
    methods = _TIMED_METHODS if timed else _METHODS
    if not (isinstance(cls, type) and issubclass(cls, Signer) and same(cls, methods)):
        return None
    signed = compiled(serializer.make_signer(salt), methods, url_safe)
    return None if signed is None else (signed, spelled, cls if timed else None)
