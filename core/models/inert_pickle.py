"""Reads a pickle as a document: describes the objects that it would build, and runs none of it.

A pickle is a program for a small stack machine. This reader has the same stack, but none of its
instructions calls anything. A class or function that the file names becomes a `PickledName`. An
object that a call would create becomes a `PickledObject`, with the callable and its arguments. So a
file from a stranger can at worst give a wrong description.
"""

import pickletools
from dataclasses import dataclass, field
from typing import IO, Any

MOST_STEPS = 8_000_000
"""The most instructions that are followed; a checkpoint with its optimiser has about ten
thousand.
"""
_MARK = object()
_PLAIN = {
    "NONE": None,
    "NEWTRUE": True,
    "NEWFALSE": False,
    "EMPTY_TUPLE": (),
}
_ARGUMENT_AS_IT_IS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE"),
    *("BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_NOTHING_TO_DO = {"PROTO", "FRAME", "STOP", "READONLY_BUFFER"}
_OrderedDict = ("collections", "OrderedDict")


class NotInert(ValueError):
    """The bytes are not a pickle, or not one that any program writes."""


@dataclass(frozen=True)
class PickledName:
    """A class or function that a pickle names."""

    module: str
    name: str


@dataclass(eq=False)
class PickledObject:
    """A described object: calling `of` with `args` would create it; the rest is what was put into
    it.
    """

    of: Any
    args: tuple[Any, ...] = ()
    state: Any = None
    entries: dict[Any, Any] = field(default_factory=dict)
    items: list[Any] = field(default_factory=list)

    def called(self, module: str, *names: str) -> bool:
        """True if one of these functions or classes would create it."""
        return (
            isinstance(self.of, PickledName) and self.of.module == module and self.of.name in names
        )


@dataclass(frozen=True)
class StorageReference:
    """A reference to data outside of the pickle: PyTorch's storages."""

    told: Any


def read_pickle(file: IO[bytes]) -> Any:
    """Describes the next pickle in the file: dicts, lists, tuples, texts and numbers as they are,
    everything else as `PickledObject`, `PickledName` and `StorageReference`. Raises `NotInert`.

    Sets come as lists. Dict entries whose key is neither text nor number are left out.
    """
    try:
        return _Machine().run(file)
    except NotInert:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise NotInert(f"it is not a complete pickle ({type(error).__name__})") from None


class _Machine:
    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self, file: IO[bytes]) -> Any:
        for step, (code, argument, _) in enumerate(pickletools.genops(file)):
            if step >= MOST_STEPS:
                raise NotInert("it has more parts than any checkpoint")
            self._do(code.name, argument)
        return self._stack.pop()

    def _do(self, name: str, argument: Any) -> None:
        if name in _ARGUMENT_AS_IT_IS:
            self._stack.append(argument)
        elif name in _PLAIN:
            self._stack.append(_PLAIN[name])
        elif name not in _NOTHING_TO_DO:
            # An instruction without a method raises AttributeError: nothing unknown is skipped.
            getattr(self, f"_{name.lower()}")(argument)

    def _to_mark(self) -> list[Any]:
        """Removes everything above the last mark, and the mark, and returns it."""
        place = len(self._stack) - 1
        while self._stack[place] is not _MARK:
            place -= 1
            if place < 0:
                raise NotInert("it is not a complete pickle")
        taken = self._stack[place + 1 :]
        del self._stack[place:]
        return taken

    def _mark(self, _: Any) -> None:
        self._stack.append(_MARK)

    def _pop(self, _: Any) -> None:
        self._stack.pop()

    def _pop_mark(self, _: Any) -> None:
        self._to_mark()

    def _dup(self, _: Any) -> None:
        self._stack.append(self._stack[-1])

    # Memo --------------------------------------------------------------------

    def _put(self, number: int) -> None:
        self._memo[number] = self._stack[-1]

    _binput = _long_binput = _put

    def _memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _get(self, number: int) -> None:
        self._stack.append(self._memo[number])

    _binget = _long_binget = _get

    # Containers --------------------------------------------------------------

    def _empty_list(self, _: Any) -> None:
        self._stack.append([])

    _empty_set = _empty_list

    def _empty_dict(self, _: Any) -> None:
        self._stack.append({})

    def _list(self, _: Any) -> None:
        self._stack.append(self._to_mark())

    _frozenset = _list

    def _tuple(self, _: Any) -> None:
        self._stack.append(tuple(self._to_mark()))

    def _tuple1(self, _: Any) -> None:
        self._stack[-1:] = [tuple(self._stack[-1:])]

    def _tuple2(self, _: Any) -> None:
        self._stack[-2:] = [tuple(self._stack[-2:])]

    def _tuple3(self, _: Any) -> None:
        self._stack[-3:] = [tuple(self._stack[-3:])]

    def _dict(self, _: Any) -> None:
        made: dict[Any, Any] = {}
        _fill(made, self._to_mark())
        self._stack.append(made)

    def _append(self, _: Any) -> None:
        value = self._stack.pop()
        _items_of(self._stack[-1]).append(value)

    def _appends(self, _: Any) -> None:
        values = self._to_mark()
        _items_of(self._stack[-1]).extend(values)

    _additems = _appends

    def _setitem(self, _: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        _fill(_entries_of(self._stack[-1]), [key, value])

    def _setitems(self, _: Any) -> None:
        values = self._to_mark()
        _fill(_entries_of(self._stack[-1]), values)

    # What would be made ------------------------------------------------------

    def _global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._stack.append(PickledName(module, name))

    def _stack_global(self, _: Any) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._stack.append(PickledName(str(module), str(name)))

    def _reduce(self, _: Any) -> None:
        args, of = self._stack.pop(), self._stack.pop()
        self._stack.append(_made(of, args))

    _newobj = _reduce

    def _newobj_ex(self, _: Any) -> None:
        self._stack.pop()  # keyword arguments
        self._reduce(_)

    def _inst(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._stack.append(_made(PickledName(module, name), tuple(self._to_mark())))

    def _obj(self, _: Any) -> None:
        of, *args = self._to_mark()
        self._stack.append(_made(of, tuple(args)))

    def _build(self, _: Any) -> None:
        state = self._stack.pop()
        if isinstance(self._stack[-1], PickledObject):
            self._stack[-1].state = state

    def _persid(self, argument: str) -> None:
        self._stack.append(StorageReference(argument))

    def _binpersid(self, _: Any) -> None:
        self._stack.append(StorageReference(self._stack.pop()))


def _made(of: Any, args: Any) -> Any:
    """An ordered dict becomes a dict; everything else is described."""
    if isinstance(of, PickledName) and (of.module, of.name) == _OrderedDict:
        pairs = args[0] if args else []
        made: dict[Any, Any] = {}
        _fill(made, [part for pair in pairs for part in pair])
        return made
    return PickledObject(of, args if isinstance(args, tuple) else (args,))


def _items_of(value: Any) -> list[Any]:
    found = value.items if isinstance(value, PickledObject) else value
    if not isinstance(found, list):
        raise NotInert("it adds to something that is not a list")
    return found


def _entries_of(value: Any) -> dict[Any, Any]:
    found = value.entries if isinstance(value, PickledObject) else value
    if not isinstance(found, dict):
        raise NotInert("it adds to something that is not a dict")
    return found


def _fill(target: dict[Any, Any], flat: list[Any]) -> None:
    """Adds alternating keys and values. Keys other than text and numbers are skipped: they could be
    nested without end, and hashing such a key would crash the process.
    """
    for key, value in zip(flat[::2], flat[1::2], strict=True):
        if isinstance(key, str | int | float):
            target[key] = value
