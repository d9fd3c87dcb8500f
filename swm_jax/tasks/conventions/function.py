"""A function that two projects ask for in the same words."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs
from swm_jax.tasks.python_functions import structured_inputs as structured


class Function(NamedTuple):
  """A function with a solution for each project; see `base.Template`."""

  name: str
  arguments: str
  describe: str
  alpha: str
  beta: str
  inputs: base.Inputs
  parameters: tuple[Mapping[str, Any], ...] = ({},)


def values(name: str, *values: Any) -> tuple[Mapping[str, Any], ...]:
  return tuple({name: value} for value in values)


# A dictionary of grades by name, no two of them equal.
GRADES = structured.dict_of(
    inputs.word(()), inputs.integer(0, 9), shortest=2, distinct_values=True
)
