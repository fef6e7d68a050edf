"""Tensors over the ring's memory: nothing is copied, nobody can write, nothing crashes."""

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from fakes.scripted_env import Make, scripted_envs

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from envserver.tensors import ReadOnlyTensor, as_tensor, pinned  # noqa: E402


@pytest.fixture
def make() -> Iterator[Make]:
    with scripted_envs() as build:
        yield build


def test_a_tensor_is_the_observations_memory(make: Make) -> None:
    envs = make(2, slots=2)
    observations, *_ = envs.step([1, 1])
    tensor = as_tensor(observations)  # warnings are errors here: torch gives none
    assert tensor.shape == observations.shape
    assert tensor.dtype == torch.uint8
    assert tensor.numpy().ctypes.data == observations.ctypes.data
    before = tensor.float().mean().item()
    envs.step([1, 1])
    envs.step([1, 1])  # the slot's turn again
    assert tensor.float().mean().item() == before + 2


def test_columns_of_a_rollout(make: Make) -> None:
    envs = make(2, slots=6)
    for _ in range(6):
        envs.step([1, 2])
    rollout = envs.rollout(5)
    for name in ("observations", "actions", "rewards", "terminated", "truncated", "valid"):
        array = getattr(rollout, name)
        tensor = as_tensor(array)
        assert isinstance(tensor, ReadOnlyTensor)
        assert tensor.numpy().ctypes.data == array.ctypes.data, name
        assert np.array_equal(tensor.numpy(), array), name
    batch = as_tensor(rollout.observations)[torch.tensor([0, 3])]
    assert np.array_equal(batch.numpy(), rollout.observations[[0, 3]])


READS: list[Callable[[Any], Any]] = [
    lambda tensor: tensor.float().div_(255),
    lambda tensor: tensor / 255,
    lambda tensor: tensor.to(torch.float32).add_(1),
    lambda tensor: tensor.clone().fill_(1),
    lambda tensor: torch.stack([tensor, tensor]).fill_(1),
    lambda tensor: torch.empty_like(tensor.clone()).copy_(tensor).fill_(1),
    lambda tensor: torch.zeros(3, *tensor.shape).__setitem__(0, tensor),
    lambda tensor: tensor[torch.tensor([0])].fill_(1),
    lambda tensor: copy.deepcopy(tensor).fill_(1),
    lambda tensor: copy.copy(tensor).fill_(1),
    lambda tensor: pickle.loads(pickle.dumps(tensor)).fill_(1),
    lambda tensor: torch.nn.Conv2d(3, 2, 3)(tensor.permute(0, 3, 1, 2).float()),
    lambda tensor: tensor[0, 0, 0, 0].item(),
    lambda tensor: tensor.tolist()[0][0],
    lambda tensor: np.array(tensor),
    lambda tensor: repr(tensor),
    lambda tensor: torch.equal(tensor, tensor),
    lambda tensor: next(iter(torch.utils.data.DataLoader(torch.utils.data.TensorDataset(tensor)))),
]


@pytest.mark.parametrize("read", READS)
def test_what_reads_gives_torchs_own(make: Make, read: Callable[[Any], Any]) -> None:
    observations, *_ = make(2).step([1, 1])
    kept = observations.copy()
    found = read(as_tensor(observations))
    assert not isinstance(found, ReadOnlyTensor)
    assert np.array_equal(observations, kept)


VIEWS: list[Callable[[Any], Any]] = [
    lambda tensor: tensor,
    lambda tensor: tensor[0],
    lambda tensor: tensor.reshape(-1),
    lambda tensor: tensor.permute(0, 3, 1, 2),
    lambda tensor: tensor.detach(),
    lambda tensor: tensor.data,
    lambda tensor: tensor.to(torch.uint8),
    lambda tensor: tensor.contiguous(),
    lambda tensor: tensor.cpu(),
    lambda tensor: tensor.unbind()[1],
    lambda tensor: tensor.split(1)[0],
    lambda tensor: tensor.view(torch.int8),
    lambda tensor: tensor.as_strided((2,), (1,)),
    lambda tensor: torch.as_tensor(tensor),
    lambda tensor: torch.asarray(tensor),
    lambda tensor: tensor.as_subclass(torch.Tensor),
    lambda tensor: next(iter(tensor)),
]
WRITES: list[Callable[[Any], Any]] = [
    lambda tensor: tensor.fill_(1),
    lambda tensor: tensor.add_(1),
    lambda tensor: tensor.zero_(),
    lambda tensor: tensor.random_(),
    lambda tensor: tensor.__setitem__(0, 1),
    lambda tensor: tensor.copy_(torch.ones(())),
    lambda tensor: torch.add(tensor, tensor, out=tensor),
    lambda tensor: torch._foreach_add_([tensor], 1),
    lambda tensor: torch.empty(0, dtype=tensor.dtype).set_(tensor),
    lambda tensor: tensor.resize_(1),
    lambda tensor: tensor.share_memory_(),
    lambda tensor: tensor.apply_(lambda value: value),
    lambda tensor: tensor.untyped_storage(),
    lambda tensor: tensor.data_ptr(),
    lambda tensor: torch.from_dlpack(tensor),
    lambda tensor: np.from_dlpack(tensor),
    lambda tensor: tensor.numpy().fill(1),
    lambda tensor: tensor.numpy().setflags(write=True),
    lambda tensor: np.asarray(tensor.numpy()).fill(1),
]


@pytest.mark.parametrize("view", VIEWS)
def test_what_writes_is_refused(make: Make, view: Callable[[Any], Any]) -> None:
    observations, *_ = make(2).step([1, 1])
    kept = observations.copy()
    for write in WRITES:
        with pytest.raises((RuntimeError, ValueError, TypeError)):
            write(view(as_tensor(observations)))
    assert np.array_equal(observations, kept)


def test_the_refusal_says_what_to_do(make: Make) -> None:
    observations, *_ = make(2).step([1, 1])
    with pytest.raises(RuntimeError, match=r"aten\.add_ would write .* clone\(\) the tensor first"):
        as_tensor(observations).add_(1)
    with pytest.raises(RuntimeError, match=r"^data_ptr would"):
        as_tensor(observations).data_ptr()
    with pytest.raises(AttributeError, match="data"):
        as_tensor(observations).data = torch.zeros(3)


def test_what_may_be_written_is_torchs_own() -> None:
    array = np.zeros(3)
    as_tensor(array).fill_(1)
    assert array.tolist() == [1, 1, 1]


def test_a_tensor_outlives_its_environment(make: Make) -> None:
    envs = make(2)
    tensor = as_tensor(envs.step([1, 1])[0])
    before = tensor.clone()
    envs.close()
    del envs
    assert torch.equal(tensor, before)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_cuda_pinned_says_so(make: Make) -> None:
    with pytest.raises(RuntimeError, match="no CUDA device"), pinned(make(1)):
        pass


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_pinned_memory_goes_to_the_gpu(make: Make) -> None:
    envs = make(2, slots=4)
    with pinned(envs):
        for _ in range(9):
            observations, *_ = envs.step([1, 1])
            tensor = as_tensor(observations)
            assert tensor.is_pinned()
            there = tensor.to("cuda", non_blocking=True)
            torch.cuda.synchronize()
            assert np.array_equal(there.cpu().numpy(), observations)
    assert not as_tensor(observations).is_pinned()
