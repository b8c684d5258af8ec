"""Which errors mean that memory ran out."""

import numpy as np
import pytest
import torch

from cuts3d.errors import InputError, out_of_memory

FAR_TOO_MUCH = 1 << 62  # bytes


def test_out_of_memory_errors_of_numpy_and_torch_are_recognised():
    with pytest.raises(MemoryError) as numpys:
        np.empty(FAR_TOO_MUCH, dtype=np.uint8)
    with pytest.raises(RuntimeError) as torchs:
        torch.empty(FAR_TOO_MUCH, dtype=torch.uint8)
    assert out_of_memory(numpys.value)
    assert out_of_memory(torchs.value)
    assert out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."))


def test_an_error_caused_by_lack_of_memory_is_recognised():
    with pytest.raises(InputError) as found:
        try:
            raise MemoryError
        except MemoryError as error:
            raise InputError("The photo could not be decoded.") from error
    assert out_of_memory(found.value)


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes do not fit"), InputError("out of memory.png"), OSError(28, "No")]
)
def test_other_errors_are_not_taken_for_lack_of_memory(error):
    assert not out_of_memory(error)
