"""Objects, written by a serializer such as `json`, and signed."""

from __future__ import annotations

import collections.abc as cabc
import json
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, Union, cast

from .._sessile import in_python
from . import _fast
from ._json import _CompactJSON
from .encoding import want_bytes
from .exc import BadPayload, BadSignature
from .signer import Signer, _make_keys_list, _methods

__all__ = ["Serializer", "is_text_serializer"]

if TYPE_CHECKING:
    from typing_extensions import TypeVar as _TypeVar

    _TSerialized = _TypeVar(
        "_TSerialized", bound=Union[str, bytes], default=Union[str, bytes]
    )
else:
    _TSerialized = TypeVar("_TSerialized", bound=Union[str, bytes])

_Fallback = Union[dict[str, Any], tuple[type[Signer], dict[str, Any]], type[Signer]]


class _PDataSerializer(Protocol[_TSerialized]):
    def loads(self, payload: _TSerialized, /) -> Any: ...
    def dumps(self, obj: Any, /) -> _TSerialized: ...


def is_text_serializer(serializer: Any) -> bool:
    """Whether a serializer writes text rather than bytes."""
    return isinstance(serializer.dumps({}), str)


class Serializer(Generic[_TSerialized]):
    """Writes objects with `serializer` (`json` unless given) and signs what it wrote.

    `signer` is the class that signs, `signer_kwargs` what it is made with. What was signed under
    `fallback_signers` is read too: each is a dict of arguments, a class, or a pair of both.
    """

    __slots__ = ("__dict__", "__weakref__", "_fast")

    #: The serializer of those made without one.
    default_serializer: Any = json
    #: The signer of those made without one.
    default_signer: type[Signer] = Signer
    #: The fallbacks of those made without any.
    default_fallback_signers: list[_Fallback] = []

    _fast: _fast.Plans

    def __init__(
        self,
        secret_key: str | bytes | cabc.Iterable[str] | cabc.Iterable[bytes],
        salt: str | bytes | None = b"itsdangerous",
        serializer: Any | None = None,
        serializer_kwargs: dict[str, Any] | None = None,
        signer: type[Signer] | None = None,
        signer_kwargs: dict[str, Any] | None = None,
        fallback_signers: list[_Fallback] | None = None,
    ) -> None:
        #: From the oldest to the newest.
        self.secret_keys: list[bytes] = _make_keys_list(secret_key)
        self.salt: bytes | None = None if salt is None else want_bytes(salt)
        if serializer is None:
            serializer = self.default_serializer
        self.serializer: Any = serializer
        self.is_text_serializer: bool = serializer is _CompactJSON or is_text_serializer(serializer)
        self.signer: type[Signer] = self.default_signer if signer is None else signer
        self.signer_kwargs: dict[str, Any] = signer_kwargs or {}
        if fallback_signers is None:
            fallback_signers = list(self.default_fallback_signers)
        self.fallback_signers: list[_Fallback] = fallback_signers
        self.serializer_kwargs: dict[str, Any] = serializer_kwargs or {}

    def __getstate__(self) -> dict[str, Any]:
        # What is compiled is made again where it is needed.
        return self.__dict__.copy()

    @property
    def secret_key(self) -> bytes:
        """The key that signs."""
        return self.secret_keys[-1]

    def load_payload(self, payload: bytes, serializer: Any | None = None) -> Any:
        """The object of what the signature vouches for; `BadPayload` if it cannot be read."""
        if serializer is None:
            serializer, is_text = self.serializer, self.is_text_serializer
        else:
            is_text = is_text_serializer(serializer)
        try:
            return serializer.loads(payload.decode("utf-8") if is_text else payload)
        except Exception as error:
            raise BadPayload(
                "Could not load the payload because an exception occurred on unserializing the"
                " data.",
                original_error=error,
            ) from error

    def dump_payload(self, obj: Any) -> bytes:
        """What the serializer writes, as bytes."""
        return want_bytes(self.serializer.dumps(obj, **self.serializer_kwargs))

    def make_signer(self, salt: str | bytes | None = None) -> Signer:
        """A signer for this salt, our own unless given."""
        return self.signer(
            self.secret_keys, salt=self.salt if salt is None else salt, **self.signer_kwargs
        )

    def iter_unsigners(self, salt: str | bytes | None = None) -> cabc.Iterator[Signer]:
        """The signers that are tried one after another, the fallbacks with each key by itself."""
        if salt is None:
            salt = self.salt
        yield self.make_signer(salt)
        for fallback in self.fallback_signers:
            if isinstance(fallback, dict):
                signer, kwargs = self.signer, fallback
            elif isinstance(fallback, tuple):
                signer, kwargs = fallback
            else:
                signer, kwargs = fallback, self.signer_kwargs
            for key in self.secret_keys:
                yield signer(key, salt=salt, **kwargs)

    def dumps(self, obj: Any, salt: str | bytes | None = None) -> _TSerialized:
        """The signed text of an object; bytes if the serializer writes bytes."""
        try:
            seen, plans = self._fast
            plan = plans[salt] if seen == self.__dict__ else _plan(self, salt)
        except Exception:
            plan = _plan(self, salt)
        if plan is not None:
            signed, spelling, _ = plan
            text = signed.dumps(obj, spelling if spelling.__class__ is int else spelling())
            if text is not NotImplemented:
                return text  # type: ignore[no-any-return]
        return self._dumps(obj, salt)

    def _dumps(self, obj: Any, salt: str | bytes | None) -> _TSerialized:
        in_python(_fast.DUMPS)
        signed = self.make_signer(salt).sign(want_bytes(self.dump_payload(obj)))
        return cast("_TSerialized", signed.decode("utf-8") if self.is_text_serializer else signed)

    def dump(self, obj: Any, f: Any, salt: str | bytes | None = None) -> None:
        """As `dumps`, into a file."""
        f.write(self.dumps(obj, salt))

    def loads(self, s: str | bytes, salt: str | bytes | None = None, **kwargs: Any) -> Any:
        """The object of a signed text; `BadSignature` or `BadPayload`."""
        try:
            seen, plans = self._fast
            plan = plans[salt] if seen == self.__dict__ else _plan(self, salt)
        except Exception:
            plan = _plan(self, salt)
        if plan is not None:
            signed, spelling, _ = plan
            found = signed.loads(s, spelling if spelling.__class__ is int else spelling())
            if found is not NotImplemented:
                return found
        in_python(_fast.LOADS)
        s = want_bytes(s)
        failure: BadSignature | None = None
        for signer in self.iter_unsigners(salt):
            try:
                return self.load_payload(signer.unsign(s))
            except BadSignature as error:
                failure = error
        raise cast(BadSignature, failure)

    def load(self, f: Any, salt: str | bytes | None = None) -> Any:
        """As `loads`, from a file."""
        return self.loads(f.read(), salt)

    def loads_unsafe(self, s: str | bytes, salt: str | bytes | None = None) -> tuple[bool, Any]:
        """Whether the signature is right, and the object, which anybody may have written.

        For looking into what went wrong, and never with a serializer such as pickle.
        """
        return self._loads_unsafe_impl(s, salt)

    def _loads_unsafe_impl(
        self,
        s: str | bytes,
        salt: str | bytes | None,
        load_kwargs: dict[str, Any] | None = None,
        load_payload_kwargs: dict[str, Any] | None = None,
    ) -> tuple[bool, Any]:
        try:
            return True, self.loads(s, salt=salt, **(load_kwargs or {}))
        except BadSignature as error:
            payload = error.payload
        if payload is None:
            return False, None
        try:
            return False, self.load_payload(payload, **(load_payload_kwargs or {}))
        except BadPayload:
            return False, None

    def load_unsafe(self, f: Any, salt: str | bytes | None = None) -> tuple[bool, Any]:
        """As `loads_unsafe`, from a file."""
        return self.loads_unsafe(f.read(), salt=salt)


#: The methods that have to be unchanged, as plain serializers and as URL-safe ones have them.
_NAMES = ("dump_payload", "load_payload", "make_signer", "iter_unsigners", "_dumps")
_KINDS: list[dict[str, Any]] = [_methods(Serializer, *_NAMES)]


def _plan(serializer: Serializer[Any], salt: Any) -> _fast.Plan | None:
    return _fast.plan(serializer, salt, tuple(_KINDS), timed=False)
