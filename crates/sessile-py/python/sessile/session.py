"""The session that a request works with: a dict that is read from its store when it is first used."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from ._app import App, Edit, Field
from ._drive import arun, run
from ._sessile import Exchange
from ._sessile import Session as _Session
from .exceptions import SessileError

__all__ = ["Session"]


def _reading(name: str) -> Callable[..., Any]:
    original = getattr(dict, name)

    def read(self: Session, *arguments: Any, **named: Any) -> Any:
        self._read()
        return original(self, *arguments, **named)

    read.__name__ = name
    read.__doc__ = original.__doc__
    return read


class Session(dict[str, Any]):
    """A session as Flask and Django have it.

    Setting and removing keys is noted. What is changed inside a value is not, as in Flask and
    Django: set ``session.modified = True`` then.
    """

    #: Why it cannot be changed, where it cannot.
    _read_only = ""

    def __init__(self, app: App, begin: Callable[[], Exchange]) -> None:
        super().__init__()
        self._app = app
        self._begin = begin
        self._begun: Exchange | None = None
        self._core: _Session | None = None
        self._failed: SessileError | None = None
        self._touched: set[str] = set()
        self._cleared = False
        self._marked = False
        self._changed = False
        #: Whether anything was read, so that the response depends on the session.
        self.accessed = False

    # Loading.

    @property
    def _exchange(self) -> Exchange:
        if self._begun is None:
            self._begun = self._begin()
        return self._begun

    def load(self) -> None:
        """Loads it, if that was not done. It is done at the first use anyway."""
        if self._core is None:
            self._check()
            try:
                self._take(run(self._exchange.open(), self._app.store))
            except SessileError as error:
                self._failed = error
                raise

    async def aload(self) -> None:
        """As `load`, in asyncio."""
        if self._core is None:
            self._check()
            try:
                self._take(await arun(self._exchange.open(), self._app.store))
            except SessileError as error:
                self._failed = error
                raise

    def _check(self) -> None:
        """What failed once in a request is not tried again in it."""
        if self._failed is not None:
            raise self._failed

    def _take(self, core: _Session) -> None:
        data = core.data()
        self._core = core
        dict.update(self, data)

    def _loaded(self) -> _Session:
        self.load()
        assert self._core is not None
        return self._core

    def _read(self) -> None:
        self.accessed = True
        if self._core is None:
            self.load()

    # Reading.

    __getitem__ = _reading("__getitem__")
    __contains__ = _reading("__contains__")
    __iter__ = _reading("__iter__")
    __len__ = _reading("__len__")
    __eq__ = _reading("__eq__")
    __ne__ = _reading("__ne__")
    __repr__ = _reading("__repr__")
    __or__ = _reading("__or__")
    __ror__ = _reading("__ror__")
    __reversed__ = _reading("__reversed__")
    get = _reading("get")
    keys = _reading("keys")
    values = _reading("values")
    items = _reading("items")
    copy = _reading("copy")
    __hash__ = None

    # Writing.

    def _write(self) -> None:
        self._read()
        if self._read_only:
            raise SessileError(self._read_only)

    def _touch(self, key: str) -> None:
        self._touched.add(key)
        self._changed = True

    def __setitem__(self, key: str, value: Any) -> None:
        self._write()
        dict.__setitem__(self, key, value)
        self._touch(key)

    def __delitem__(self, key: str) -> None:
        self._write()
        dict.__delitem__(self, key)
        self._touch(key)

    def pop(self, key: str, *default: Any) -> Any:
        self._write()
        if dict.__contains__(self, key):
            self._touch(key)
        return dict.pop(self, key, *default)

    def popitem(self) -> tuple[str, Any]:
        self._write()
        key, value = dict.popitem(self)
        self._touch(key)
        return key, value

    def setdefault(self, key: str, default: Any = None) -> Any:
        self._read()
        if not dict.__contains__(self, key):
            self[key] = default
        return dict.__getitem__(self, key)

    def update(self, *others: Any, **named: Any) -> None:
        for key, value in dict(*others, **named).items():
            self[key] = value

    def __ior__(self, other: Any) -> Session:  # type: ignore[override,misc]
        self.update(other)
        return self

    def clear(self) -> None:
        """Drops every key. The session goes on; `flush` ends it."""
        self._write()
        dict.clear(self)
        self._touched.clear()
        self._cleared = self._changed = True

    # What sessions have besides their data.

    @property
    def modified(self) -> bool:
        """Whether it will be saved. Set it to True after a change inside a value."""
        return self._changed or self._marked or (self._core is not None and self._core.modified)

    @modified.setter
    def modified(self, modified: bool) -> None:
        if modified:
            self._write()
        self._marked = modified
        if not modified:
            self._changed = self._cleared = False
            self._touched.clear()

    @property
    def new(self) -> bool:
        """Whether nothing was stored before this request."""
        return self._loaded().is_new

    @property
    def subject(self) -> str | None:
        """The user who is logged in."""
        self._read()
        return self._loaded().subject

    @property
    def handle(self) -> str | None:
        """Its public name, as in a list of sessions. None for a new one."""
        self._read()
        return self._loaded().handle

    @property
    def permanent(self) -> bool:
        """Whether it outlives the browser's session."""
        self._read()
        return self._loaded().permanent

    @permanent.setter
    def permanent(self, permanent: bool) -> None:
        self._write()
        self._loaded().permanent = permanent

    def log_in(self, subject: str) -> None:
        """Logs a user in: a new id, the old one dies at once, what it holds stays."""
        self._write()
        self._loaded().log_in(subject)

    def cycle_id(self) -> None:
        """Gives it a new id and keeps what it holds. The old one works for a grace period."""
        self._write()
        self._loaded().cycle_id()

    def flush(self) -> None:
        """Ends it: logs out. What is set afterwards begins a new session."""
        self._write()
        self._loaded().flush()
        dict.clear(self)
        self._touched.clear()
        self._changed = self._cleared = self._marked = False

    def set_expiry(self, value: int | timedelta | datetime | None) -> None:
        """How long it lives: seconds without activity, a moment, 0 until the browser closes, None
        as configured."""
        self._write()
        core = self._loaded()
        if isinstance(value, datetime):
            core.set_expiry(at=value.timestamp())
        elif isinstance(value, timedelta):
            core.set_expiry(seconds=value.total_seconds())
        else:
            core.set_expiry(seconds=value)

    def end_others(self) -> int:
        """Ends the other sessions of the user who is logged in. How many there were."""
        core = self._loaded()
        return int(run(self._app.engine.end_others(core), self._app.store))

    async def aend_others(self) -> int:
        """As `end_others`, in asyncio."""
        await self.aload()
        core = self._loaded()
        return int(await arun(self._app.engine.end_others(core), self._app.store))

    # Saving.

    def _ready(self) -> bool:
        """Brings the changes into the core. Whether there is anything to finish."""
        if self._core is None:
            # Whoever answers although it could not be read answers because of a credential.
            return self._failed is not None
        if self._changed or self._marked:
            self._core.sync(self, self._touched, self._cleared, self._marked)
            self._changed = self._cleared = self._marked = False
            self._touched.clear()
        if self.accessed:
            self._core.access()
        return True

    def finish(self, status: int, fields: Iterable[Field]) -> list[Edit]:
        """Saves it. What the response's fields must say."""
        if not self._ready():
            return []
        return run(self._exchange.finish(status, list(fields)), self._app.store)  # type: ignore[no-any-return]

    async def afinish(self, status: int, fields: Iterable[Field]) -> list[Edit]:
        """As `finish`, in asyncio."""
        if not self._ready():
            return []
        flow = self._exchange.finish(status, list(fields))
        return await arun(flow, self._app.store)  # type: ignore[no-any-return]
