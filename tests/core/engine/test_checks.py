"""What the test run itself holds every call to: shapes where arrays are named, types everywhere."""

import pytest
import torch
from beartype.roar import BeartypeCallHintParamViolation
from jaxtyping import TypeCheckError

from ioi_core import Head, Model
from ioi_core.engine.forward import embed


def test_an_array_of_another_shape_or_kind_is_caught(small_model: Model) -> None:
    for wrong in (torch.zeros(3, dtype=torch.long), torch.zeros(1, 3)):
        with pytest.raises(TypeCheckError):
            embed(small_model, wrong)


def test_a_wrong_type_is_caught_where_there_is_no_array() -> None:
    with pytest.raises(BeartypeCallHintParamViolation):
        Head("9", 9)  # type: ignore[arg-type]
