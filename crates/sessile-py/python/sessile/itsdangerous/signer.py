"""A value, a separator, a signature."""

from __future__ import annotations

import collections.abc as cabc
import hashlib
import hmac
from typing import Any

from .._sessile import Signed, in_python
from . import _fast
from .encoding import _base64_alphabet, base64_decode, base64_encode, want_bytes
from .exc import BadSignature

__all__ = ["HMACAlgorithm", "NoneAlgorithm", "Signer", "SigningAlgorithm"]

_DEFAULT_SALT = b"itsdangerous.Signer"


class SigningAlgorithm:
    """Makes and compares signatures; subclasses say how they are made."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        """The signature of a value, as raw bytes."""
        raise NotImplementedError

    def verify_signature(self, key: bytes, value: bytes, sig: bytes) -> bool:
        """Whether this is the signature of the value."""
        return hmac.compare_digest(sig, self.get_signature(key, value))


class NoneAlgorithm(SigningAlgorithm):
    """Signs nothing: the signature is empty, and anybody can write it."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return b""


def _lazy_sha1(string: bytes = b"") -> Any:
    # Looked up when it is called: where SHA-1 is forbidden, importing this module is not.
    return hashlib.sha1(string)


class HMACAlgorithm(SigningAlgorithm):
    """HMAC with a hash, SHA-1 unless told otherwise."""

    #: The hash of those made without one.
    default_digest_method: Any = staticmethod(_lazy_sha1)

    def __init__(self, digest_method: Any = None) -> None:
        self.digest_method: Any = (
            self.default_digest_method if digest_method is None else digest_method
        )

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.new(key, msg=value, digestmod=self.digest_method).digest()


def _make_keys_list(
    secret_key: str | bytes | cabc.Iterable[str] | cabc.Iterable[bytes],
) -> list[bytes]:
    if isinstance(secret_key, (str, bytes)):
        return [want_bytes(secret_key)]
    return [want_bytes(key) for key in secret_key]


class Signer:
    """Signs bytes with the last of its keys, and knows what any of them has signed.

    `salt` tells apart what one key signs for different purposes. `key_derivation` is `concat`,
    `django-concat`, `hmac` or `none`.
    """

    # The attributes are in a dict that is compared as a whole; what is kept for that is beside it.
    __slots__ = ("__dict__", "__weakref__", "_fast")

    #: The hash of those made without one.
    default_digest_method: Any = staticmethod(_lazy_sha1)
    #: How those made without one derive their key.
    default_key_derivation: str = "django-concat"

    _fast: tuple[dict[str, Any], Signed | None]

    def __init__(
        self,
        secret_key: str | bytes | cabc.Iterable[str] | cabc.Iterable[bytes],
        salt: str | bytes | None = _DEFAULT_SALT,
        sep: str | bytes = b".",
        key_derivation: str | None = None,
        digest_method: Any | None = None,
        algorithm: SigningAlgorithm | None = None,
    ) -> None:
        #: From the oldest to the newest.
        self.secret_keys: list[bytes] = _make_keys_list(secret_key)
        self.sep: bytes = want_bytes(sep)
        if self.sep in _base64_alphabet:
            raise ValueError(
                "The given separator cannot be used because it may be contained in the signature"
                " itself. ASCII letters, digits, and '-_=' must not be used."
            )
        self.salt: bytes = _DEFAULT_SALT if salt is None else want_bytes(salt)
        self.key_derivation: str = (
            self.default_key_derivation if key_derivation is None else key_derivation
        )
        self.digest_method: Any = (
            self.default_digest_method if digest_method is None else digest_method
        )
        self.algorithm: SigningAlgorithm = (
            HMACAlgorithm(self.digest_method) if algorithm is None else algorithm
        )

    def __getstate__(self) -> dict[str, Any]:
        # What is compiled is made again where it is needed.
        return self.__dict__.copy()

    @property
    def secret_key(self) -> bytes:
        """The key that signs."""
        return self.secret_keys[-1]

    def _compiled(self) -> Signed | None:
        try:
            seen, found = self._fast
            if seen == self.__dict__:
                return found
        except AttributeError:
            pass
        return self._compile()

    def _compile(self) -> Signed | None:
        try:
            found = _fast.compiled(self, self._originals(), False)
            self._fast = (_fast.snapshot(self.__dict__), found)
        except Exception:
            # Whatever is wrong is met again, and said, in Python.
            return None
        return found

    def _originals(self) -> dict[str, Any]:
        return _METHODS

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        """The key that signs, made of this secret key (the newest unless given) and the salt."""
        secret = self.secret_keys[-1] if secret_key is None else want_bytes(secret_key)
        derivation, digest = self.key_derivation, self.digest_method
        derived: bytes
        if derivation == "concat":
            derived = digest(self.salt + secret).digest()
        elif derivation == "django-concat":
            derived = digest(self.salt + b"signer" + secret).digest()
        elif derivation == "hmac":
            mac = hmac.new(secret, digestmod=digest)
            mac.update(self.salt)
            derived = mac.digest()
        elif derivation == "none":
            derived = secret
        else:
            raise TypeError("Unknown key derivation method")
        return derived

    def get_signature(self, value: str | bytes) -> bytes:
        """The signature of a value, as URL-safe base64."""
        compiled = self._compiled()
        if compiled is not None:
            signature = compiled.get_signature(value)
            if signature is not NotImplemented:
                return signature
        in_python(_fast.SIGN)
        value = want_bytes(value)
        return base64_encode(self.algorithm.get_signature(self.derive_key(), value))

    def sign(self, value: str | bytes) -> bytes:
        """The value, the separator, the signature."""
        compiled = self._compiled()
        if compiled is not None:
            signed = compiled.sign(value)
            if signed is not NotImplemented:
                return signed
        value = want_bytes(value)
        return value + self.sep + self.get_signature(value)

    def verify_signature(self, value: str | bytes, sig: str | bytes) -> bool:
        """Whether this is the signature of the value by any of the keys, the newest first."""
        compiled = self._compiled()
        if compiled is not None:
            verified = compiled.verify_signature(value, sig)
            if verified is not NotImplemented:
                return verified
        in_python(_fast.UNSIGN)
        try:
            sig = base64_decode(sig)
        except Exception:
            return False
        value = want_bytes(value)
        verify = self.algorithm.verify_signature
        return any(verify(self.derive_key(key), value, sig) for key in reversed(self.secret_keys))

    def unsign(self, signed_value: str | bytes) -> bytes:
        """The value, if its signature is right; else `BadSignature`."""
        compiled = self._compiled()
        if compiled is not None:
            value = compiled.unsign(signed_value)
            if value is not NotImplemented:
                return value
        return self._unsign(signed_value)

    def _unsign(self, signed_value: str | bytes) -> bytes:
        signed_value = want_bytes(signed_value)
        if self.sep not in signed_value:
            raise BadSignature(f"No {self.sep!r} found in value")
        value, sig = signed_value.rsplit(self.sep, 1)
        if self.verify_signature(value, sig):
            return value
        raise BadSignature(f"Signature {sig!r} does not match", payload=value)

    def validate(self, signed_value: str | bytes) -> bool:
        """Whether the signature is there and right."""
        try:
            self.unsign(signed_value)
        except BadSignature:
            return False
        return True


def _methods(cls: type, *names: str) -> dict[str, Any]:
    return {name: getattr(cls, name) for name in names}


_fast.register_lazy_sha1(_lazy_sha1)
_ALGORITHM = _methods(HMACAlgorithm, "get_signature", "verify_signature", "__init__")
#: What has to be unchanged for the compiled part to sign and verify.
_METHODS = _methods(
    Signer, "__init__", "derive_key", "get_signature", "sign", "verify_signature", "unsign", "_unsign"
)
