"""Finds the tensors in the description of a pickle, however deep they are nested."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.models.inert_pickle import PickledName, PickledObject, StorageReference

Storage = Callable[[Any], Tensor]
"""Turns PyTorch's description of a storage (`("storage", kind, key, device, count, …)`) into its
numbers.
"""
_DEEPEST = 64
_PARTS_OF_A_MODULE = ("_parameters", "_buffers", "_modules")
_DTYPES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "UntypedStorage": torch.uint8,
    **{str(kind)[6:]: kind for kind in (torch.float32, torch.float16, torch.bfloat16)},
}


class Unreadable(ValueError):
    """The file holds no weights that can be read; the message is the end of a sentence about it."""


def dtype_of(named: Any) -> torch.dtype | None:
    """The number type of a storage, or a dtype, of this name; None for an unknown one."""
    return _DTYPES.get(named.name) if isinstance(named, PickledName) else None


def tensors_in(value: Any, storage: Storage) -> dict[str, Tensor]:
    """Every tensor inside, by its dotted name. A tensor that appears twice keeps its first name."""
    found: dict[str, Tensor] = {}
    todo: list[tuple[str, Any, int]] = [("", value, 0)]
    seen: set[int] = set()
    while todo:
        name, value, depth = todo.pop()
        if id(value) in seen or depth > _DEEPEST:
            continue
        made = _tensor(value, storage)
        if made is not None:
            found[name] = made
        elif isinstance(value, dict | list | tuple | PickledObject):
            seen.add(id(value))
            below = [(f"{name}.{key}" if name else key, part) for key, part in _parts(value)]
            todo += [(key, part, depth + 1) for key, part in reversed(below)]
    return found


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """The parts of a container by name: for a module its parameters, buffers and modules."""
    if isinstance(value, list | tuple):
        yield from ((str(place), part) for place, part in enumerate(value))
        return
    if isinstance(value, PickledObject):
        held = value.state if isinstance(value.state, tuple) else (value.state,)
        for state in (value.entries, *held):
            if isinstance(state, dict):
                yield from _parts(state)
        return
    for key, part in value.items():
        if key in _PARTS_OF_A_MODULE and isinstance(part, dict | PickledObject):
            yield from _parts(part)
        else:
            yield str(key), part


def storages_in(value: Any) -> Iterator[Any]:
    """The descriptions of all storages inside."""
    todo, seen = [value], set[int]()
    while todo:
        value = todo.pop()
        if id(value) in seen:
            continue
        if isinstance(value, dict):
            more: Any = value.values()
        elif isinstance(value, list | tuple):
            more = value
        elif isinstance(value, PickledObject):
            more = (*value.args, value.state, *value.entries.values(), *value.items)
        elif isinstance(value, StorageReference):
            if _is_storage(value):
                yield value.told
            continue
        else:
            continue
        seen.add(id(value))
        todo += more


def _is_storage(value: Any) -> bool:
    told = value.told if isinstance(value, StorageReference) else None
    return isinstance(told, tuple) and len(told) >= 5 and told[0] == "storage"


def _tensor(value: Any, storage: Storage) -> Tensor | None:
    """The tensor that a `PickledObject` describes; None if it describes something else."""
    for _ in range(4):  # a parameter around a subclass around a tensor
        if not isinstance(value, PickledObject):
            return None
        if value.args and (
            value.called("torch._utils", "_rebuild_parameter", "_rebuild_parameter_with_state")
            or value.called("torch.nn.parameter", "Parameter")
        ):
            value = value.args[0]
        elif value.called("torch._tensor", "_rebuild_from_type_v2") and len(value.args) > 2:
            value = PickledObject(value.args[0], value.args[2])
        else:
            break
    if not isinstance(value, PickledObject):
        return None
    try:
        if value.called(
            "torch._utils", "_rebuild_tensor_v2", "_rebuild_tensor", "_rebuild_tensor_v3"
        ):
            return _strided(value, storage)
        return _array(value)
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        if isinstance(error, Unreadable):
            raise
        return None


def _strided(made: PickledObject, storage: Storage) -> Tensor | None:
    kept, offset, size, stride = made.args[:4]
    if not _is_storage(kept):
        return None
    numbers = storage(kept.told)
    if made.called("torch._utils", "_rebuild_tensor_v3"):
        dtype = dtype_of(made.args[6])
        if dtype is None:
            return None
        numbers = numbers.view(dtype)
    size, stride = [int(n) for n in size], [int(n) for n in stride]
    if min([offset, *size, *stride], default=0) < 0:
        raise Unreadable("it is damaged: a tensor lies outside of its numbers")
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    count = int(np.prod(size, dtype=object))
    if count and (last >= len(numbers) or count > len(numbers)):
        raise Unreadable("it is damaged: a tensor lies outside of its numbers")
    return numbers.as_strided(size, stride, offset) if count else numbers.new_empty(size)


def _array(made: PickledObject) -> Tensor | None:
    """A numpy array, in both forms in which numpy pickles one."""
    if not isinstance(made.of, PickledName) or not re.match(r"numpy(\._?core|$)", made.of.module):
        return None
    if made.of.name == "_frombuffer":
        raw, kind, shape, order = made.args[:4]
    elif made.of.name == "_reconstruct" and isinstance(made.state, tuple):
        _, shape, kind, fortran, raw = made.state
        order = "F" if fortran else "C"
    else:
        return None
    if isinstance(raw, PickledObject) and raw.called("_codecs", "encode"):
        raw = raw.args[0]
    raw = raw.encode("latin-1") if isinstance(raw, str) else raw
    code = kind.args[0] if isinstance(kind, PickledObject) and kind.called("numpy", "dtype") else ""
    little = not isinstance(kind.state, tuple) or kind.state[1] in "<=|"
    if not re.fullmatch(r"[fiu][1248]|b1", code) or not little:
        return None
    flat = np.frombuffer(bytearray(raw), np.dtype(f"<{code}" if code[1] != "1" else code))
    return torch.from_numpy(flat.reshape(tuple(shape), order="F" if order == "F" else "C"))
