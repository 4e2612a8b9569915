"""Signatures that also cover when they were made."""

from __future__ import annotations

import collections.abc as cabc
import time
from datetime import datetime, timezone
from typing import Any, Literal, cast, overload

from .._sessile import in_python
from . import _fast
from .encoding import base64_decode, base64_encode, bytes_to_int, int_to_bytes, want_bytes
from .exc import BadSignature, BadTimeSignature, SignatureExpired
from .serializer import _NAMES, Serializer, _TSerialized
from .signer import _METHODS, Signer, _methods

__all__ = ["TimedSerializer", "TimestampSigner"]


class TimestampSigner(Signer):
    """Signs a value together with the time, so that a signature can be too old."""

    def _originals(self) -> dict[str, Any]:
        return _TIMED_METHODS

    def get_timestamp(self) -> int:
        """The time, in whole seconds since 1970."""
        return int(time.time())

    def timestamp_to_datetime(self, ts: int) -> datetime:
        """The moment of such a time, in UTC."""
        return datetime.fromtimestamp(ts, tz=timezone.utc)

    def sign(self, value: str | bytes) -> bytes:
        """The value, the time and the signature of both."""
        compiled = self._compiled()
        if compiled is not None and type(self).get_timestamp is _GET_TIMESTAMP:
            signed = compiled.sign_at(value, time.time())
            if signed is not NotImplemented:
                return signed
        value, sep = want_bytes(value), want_bytes(self.sep)
        value = value + sep + base64_encode(int_to_bytes(self.get_timestamp()))
        return value + sep + self.get_signature(value)

    @overload
    def unsign(
        self,
        signed_value: str | bytes,
        max_age: int | None = None,
        return_timestamp: Literal[False] = False,
    ) -> bytes: ...

    @overload
    def unsign(
        self,
        signed_value: str | bytes,
        max_age: int | None = None,
        return_timestamp: Literal[True] = True,
    ) -> tuple[bytes, datetime]: ...

    def unsign(
        self,
        signed_value: str | bytes,
        max_age: int | None = None,
        return_timestamp: bool = False,
    ) -> tuple[bytes, datetime] | bytes:
        """The value, if its signature is right and at most `max_age` seconds old; when it was
        signed too, if `return_timestamp`."""
        compiled = self._compiled()
        if compiled is not None and type(self).get_timestamp is _GET_TIMESTAMP:
            now = 0.0 if max_age is None else time.time()
            stamped = compiled.unsign_at(signed_value, max_age, now)
            if stamped is not NotImplemented:
                if return_timestamp:
                    return stamped[0], self.timestamp_to_datetime(stamped[1])
                return stamped[0]
        return self._unsign_timed(signed_value, max_age, return_timestamp)

    def _unsign_timed(
        self, signed_value: str | bytes, max_age: int | None, return_timestamp: bool
    ) -> tuple[bytes, datetime] | bytes:
        failure: BadSignature | None = None
        try:
            result = super().unsign(signed_value)
        except BadSignature as error:
            failure, result = error, error.payload or b""
        sep = want_bytes(self.sep)
        if sep not in result:
            if failure is not None:
                raise failure
            raise BadTimeSignature("timestamp missing", payload=result)
        value, stamp = result.rsplit(sep, 1)
        signed_at: int | None
        try:
            signed_at = bytes_to_int(base64_decode(stamp))
        except Exception:
            signed_at = None
        if failure is not None:
            moment = None
            if signed_at is not None:
                # The time of a forged text is shown too, as far as it is one.
                try:
                    moment = self.timestamp_to_datetime(signed_at)
                except (ValueError, OSError, OverflowError) as error:
                    raise BadTimeSignature("Malformed timestamp", payload=value) from error
            raise BadTimeSignature(str(failure), payload=value, date_signed=moment)
        if signed_at is None:
            raise BadTimeSignature("Malformed timestamp", payload=value)
        if max_age is not None:
            age = self.get_timestamp() - signed_at
            if age > max_age or age < 0:
                wrong = f"> {max_age}" if age > max_age else "< 0"
                raise SignatureExpired(
                    f"Signature age {age} {wrong} seconds",
                    payload=value,
                    date_signed=self.timestamp_to_datetime(signed_at),
                )
        return (value, self.timestamp_to_datetime(signed_at)) if return_timestamp else value

    def validate(self, signed_value: str | bytes, max_age: int | None = None) -> bool:
        """Whether the signature is there, right, and not too old."""
        try:
            self.unsign(signed_value, max_age=max_age)
        except BadSignature:
            return False
        return True


class TimedSerializer(Serializer[_TSerialized]):
    """A serializer whose signatures also cover when they were made."""

    default_signer: type[TimestampSigner] = TimestampSigner

    def iter_unsigners(
        self, salt: str | bytes | None = None
    ) -> cabc.Iterator[TimestampSigner]:
        """As `Serializer.iter_unsigners`."""
        return cast("cabc.Iterator[TimestampSigner]", super().iter_unsigners(salt))

    def dumps(self, obj: Any, salt: str | bytes | None = None) -> _TSerialized:
        """The signed text of an object, with the time; bytes if the serializer writes bytes."""
        try:
            seen, plans = self._fast
            plan = plans[salt] if seen == self.__dict__ else _plan(self, salt)
        except Exception:
            plan = _plan(self, salt)
        if plan is not None:
            signed, spelling, signer = plan
            if spelling.__class__ is not int:
                spelling = spelling()
            # Tests that turn back the clock replace this method on the class.
            if signer.get_timestamp is _GET_TIMESTAMP:
                text = signed.dumps_at(obj, spelling, time.time())
                if text is not NotImplemented:
                    return text  # type: ignore[no-any-return]
        return self._dumps(obj, salt)

    def loads(  # type: ignore[override]
        self,
        s: str | bytes,
        max_age: int | None = None,
        return_timestamp: bool = False,
        salt: str | bytes | None = None,
    ) -> Any:
        """The object of a signed text; `BadSignature`, of which `SignatureExpired` is one if it
        is older than `max_age` seconds, or `BadPayload`."""
        try:
            seen, plans = self._fast
            plan = plans[salt] if seen == self.__dict__ else _plan(self, salt)
        except Exception:
            plan = _plan(self, salt)
        if plan is not None and not return_timestamp:
            signed, spelling, signer = plan
            if spelling.__class__ is not int:
                spelling = spelling()
            if signer.get_timestamp is _GET_TIMESTAMP:
                now = 0.0 if max_age is None else time.time()
                found = signed.loads_at(s, spelling, max_age, now)
                if found is not NotImplemented:
                    return found
        in_python(_fast.LOADS)
        s = want_bytes(s)
        failure: BadSignature | None = None
        for unsigner in self.iter_unsigners(salt):
            try:
                value, moment = unsigner.unsign(s, max_age=max_age, return_timestamp=True)
                payload = self.load_payload(value)
                return (payload, moment) if return_timestamp else payload
            except SignatureExpired:
                raise
            except BadSignature as error:
                failure = error
        raise cast(BadSignature, failure)

    def loads_unsafe(  # type: ignore[override]
        self,
        s: str | bytes,
        max_age: int | None = None,
        salt: str | bytes | None = None,
    ) -> tuple[bool, Any]:
        """As `Serializer.loads_unsafe`."""
        return self._loads_unsafe_impl(s, salt, load_kwargs={"max_age": max_age})


_GET_TIMESTAMP = TimestampSigner.get_timestamp
#: What has to be unchanged for the compiled part to sign and verify.
_TIMED_METHODS = _METHODS | _methods(
    TimestampSigner, "sign", "unsign", "_unsign_timed", "get_timestamp", "timestamp_to_datetime"
)
_KINDS: list[dict[str, Any]] = [_methods(TimedSerializer, *_NAMES)]


def _plan(serializer: TimedSerializer[Any], salt: Any) -> _fast.Plan | None:
    return _fast.plan(serializer, salt, tuple(_KINDS), timed=True)
