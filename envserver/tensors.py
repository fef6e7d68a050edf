"""The ring's arrays as torch tensors: the same memory, which nobody can write to.

Theory of operation: torch knows no read-only tensors, and a write to the ring's read-only mapping
would end the process. So the tensor that lies over the memory stays inside a `ReadOnlyTensor`,
which has no memory of its own: every operation passes through its dispatch, where one that would
write is refused. Views are read-only too; all other results are torch's own tensors.

`pinned` registers the mapping with CUDA, once an environment, so that copies to a GPU are fast and
asynchronous.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    import torch
    from torch.utils._pytree import tree_leaves, tree_map_only
except ImportError as error:
    raise ImportError(
        "envserver.tensors needs PyTorch, which is not installed: pip install torch"
    ) from error

CUDA_PORTABLE, CUDA_READ_ONLY = 1, 8


class ReadOnlyTensor(torch.Tensor):  # type: ignore[misc]
    """A tensor over memory that may only be read; `as_tensor` makes it.

    `clone()`, `to(device)`, arithmetic and indexing with tensors give torch's own tensors. What
    would write to it, or hand its memory to others, raises RuntimeError. `numpy()` gives the
    read-only array.
    """

    _inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> "ReadOnlyTensor":
        """Wrap a tensor that nobody else has."""
        outer: ReadOnlyTensor = torch.Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=inner.device,
        )
        outer._inner = inner
        return outer

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation on the memory, unless it writes there."""
        named = kwargs or {}
        for place, argument in enumerate(func._schema.arguments):
            given = args[place] if place < len(args) else named.get(argument.name)
            writes = argument.alias_info is not None and argument.alias_info.is_write
            takes_over = func.overloadpacket is torch.ops.aten.set_
            if (writes or takes_over) and _holds_ours(given):
                raise _refusal(str(func.overloadpacket))
        found = func(*_opened(args), **_opened(named))
        aliases = [each.alias_info for each in func._schema.returns]
        if any(alias is not None and not alias.is_write for alias in aliases):
            return tree_map_only(torch.Tensor, _closed, found)
        return found

    def __repr__(self, **_: Any) -> str:
        return f"ReadOnlyTensor({self._inner!r})"

    def numpy(self, *, force: bool = False) -> NDArray[Any]:
        """The memory as an array, read-only."""
        return np.asarray(_Memory(self._inner.numpy(), read_only=True))

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return np.array(self.numpy(), *args, **kwargs)

    def tolist(self) -> Any:
        """Numbers in lists."""
        return self._inner.tolist()

    def __deepcopy__(self, memo: Any) -> torch.Tensor:
        return self.clone()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.clone().__reduce_ex__(protocol)

    @property
    def data(self) -> torch.Tensor:
        """The tensor itself, without its history of gradients; nothing can be put in its place."""
        return self.detach()


for _name in (
    *("share_memory_", "apply_", "map_", "map2_", "storage", "untyped_storage", "_typed_storage"),
    *("data_ptr", "__dlpack__"),
):
    setattr(ReadOnlyTensor, _name, lambda self, *_, _name=_name, **__: _refuse(_name))


def as_tensor(array: NDArray[Any]) -> torch.Tensor:
    """The memory of an array as a tensor, nothing copied.

    Args:
        array: Observations, or a column of a rollout. One that may be written to is given as
            torch's own tensor.

    Returns:
        A tensor of the same shape, strides and dtype. It shows what the array shows, for as long:
        copy it, or send it to a GPU, before the slot comes again.
    """
    if array.flags.writeable:
        return torch.from_numpy(array)
    # Said to be writable, since torch warns of any other; it is never shown.
    return ReadOnlyTensor(torch.from_numpy(np.asarray(_Memory(array, read_only=False))))


@contextlib.contextmanager
def pinned(envs: Any) -> Iterator[None]:
    """Register an environment's pictures with CUDA while the `with` lasts.

    Then `as_tensor(observations).to("cuda", non_blocking=True)` is a copy that nobody waits for;
    synchronize before the slot comes again, `slots - 1` further steps.

    Args:
        envs: An `envserver.VectorEnv`.

    Raises:
        RuntimeError: there is no CUDA device, or it refuses; copies work without it too.
    """
    if not torch.cuda.is_available():
        raise RuntimeError("no CUDA device here, and so no pinned memory: leave `pinned` out")
    memory = envs.memory
    runtime: Any = torch.cuda.cudart()
    address = memory.ctypes.data
    code = runtime.cudaHostRegister(address, memory.nbytes, CUDA_PORTABLE | CUDA_READ_ONLY)
    if int(code) != 0:
        raise RuntimeError(
            f"CUDA does not register {memory.nbytes / 1e6:.1f} MB of shared memory:"
            f" {runtime.cudaGetErrorString(code)}; leave `pinned` out"
        )
    try:
        yield
    finally:
        torch.cuda.synchronize()
        runtime.cudaHostUnregister(address)


class _Memory:
    """An array's memory, for `np.asarray` to make another array of, writable or not."""

    def __init__(self, array: NDArray[Any], *, read_only: bool) -> None:
        self._array = array
        described = dict(array.__array_interface__)
        described["data"] = (described["data"][0], read_only)
        described["strides"] = array.strides
        self.__array_interface__ = described


def _holds_ours(given: Any) -> bool:
    return any(isinstance(leaf, ReadOnlyTensor) for leaf in tree_leaves(given))


def _opened(values: Any) -> Any:
    return tree_map_only(ReadOnlyTensor, lambda tensor: tensor._inner, values)


def _closed(tensor: torch.Tensor) -> torch.Tensor:
    return tensor if isinstance(tensor, ReadOnlyTensor) else ReadOnlyTensor(tensor)


def _refuse(what: str) -> None:
    raise _refusal(what)


def _refusal(what: str) -> RuntimeError:
    return RuntimeError(
        f"{what} would write to shared memory, which is read-only, or hand it on: clone() the"
        " tensor first"
    )
