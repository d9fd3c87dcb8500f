"""The molecular verifier: are these the right numbers for a simulation?

A candidate is a JSON object of numbers under the asked keys, nothing else: no
code, no coordinates, no trajectory. The verifier puts the numbers into a system
of its own, integrates that itself with OpenMM at constant energy, and looks at
what it measures: the drift of the energy, the temperature, the least distance,
and how well the forces agree with those of the reference's numbers.

A problem's `spec`:

  keys     {key: {'path': where in the system, 'factor': to the system's units,
           'least', 'most': bounds of the number as written}}
  windows  {observable of `molecular_judge`: [least, most]}
  system   with the reference's numbers, in nm, ps, amu, elementary charges,
           kJ/mol and K:
    species        [{mass, charge, sigma, epsilon}], Lennard-Jones 12-6
    atoms          index of the species of each particle
    positions      [[x, y, z]], in a box as fractions of its edge
    box            edge of the periodic cube, 0 for free particles
    cutoff, switch where pair forces end and where they begin to be switched
                   off, in a box
    bonds          [[i, j]], without pair forces; harmonic, all with
    bond           {length, constant}: constant/2 (r - length)^2 is the energy
    temperature    of the velocities at the start
    time_step      of the velocity Verlet integration
    duration       of the run, whatever the time step
    seed           of velocities and displacements
    configurations, shake  how many displaced configurations forces are
                   compared at, and how far each coordinate is moved at most
"""

from collections.abc import Mapping
import copy
import functools
import importlib.metadata
import importlib.resources
import importlib.util
import json
import math
from typing import Any

from swm_jax import types
from swm_jax.verifiers import base
from swm_jax.verifiers import sandboxed
from swm_jax.verifiers.sandbox import worker as worker_lib

_VERSION = '1'
_MAX_CHARACTERS = 400
# Ends of the judge that the candidate's numbers can bring about.
_OWN_FAULT = frozenset(('time', 'memory', 'crash'))


class Refused(ValueError):
  """A text is not the asked object; `reason` is one of `base.REASONS`."""

  def __init__(self, message: str, reason: str = 'refused'):
    super().__init__(message)
    self.reason = reason


@functools.cache
def _judge_source() -> str:
  folder = importlib.resources.files('swm_jax.verifiers')
  return folder.joinpath('molecular_judge.py').read_text('utf-8')


def read(
    keys: Mapping[str, Mapping[str, Any]], completion: str
) -> dict[str, float]:
  """Returns a candidate's numbers.

  Args:
    keys: of the problem's spec.
    completion: the whole candidate.

  Raises:
    Refused: if it is anything but one object of exactly these keys, each once,
      each with a finite number inside its bounds.
  """
  text = completion.strip()
  if not text:
    raise Refused('there is no object', 'missing')
  if len(text) > _MAX_CHARACTERS:
    raise Refused(f'longer than {_MAX_CHARACTERS} characters')
  try:
    pairs = json.loads(
        text, object_pairs_hook=_Pairs, parse_constant=_refuse_constant
    )
  except Refused:
    raise
  except (ValueError, RecursionError) as error:
    raise Refused(f'this is no JSON: {error}', 'syntax') from error
  if not isinstance(pairs, _Pairs):
    raise Refused('the answer must be one object')
  found = [key for key, _ in pairs]
  if sorted(found) != sorted(keys):
    raise Refused(
        f'the keys must be {", ".join(keys)}, each once; found '
        f'{", ".join(found) or "none"}'
    )
  numbers = {}
  for key, number in pairs:
    number = _finite(key, number)
    least, most = keys[key]['least'], keys[key]['most']
    if not least <= number <= most:
      raise Refused(f'{key} is {number:g}; allowed is {least:g} to {most:g}')
    numbers[key] = number
  return numbers


def _finite(key: str, number: Any) -> float:
  # `1e999` is read as infinity, and an integer can be too large for a float.
  if type(number) in (int, float) and abs(number) < math.inf:
    try:
      return float(number)
    except OverflowError:
      pass
  raise Refused(f'{key} must be a finite number')


class _Pairs(list):
  """Keys and values of an object as written, repeated keys included."""


def _refuse_constant(text: str) -> None:
  raise Refused(f'{text} is no number')


def candidate_system(
    spec: Mapping[str, Any], numbers: Mapping[str, float]
) -> dict[str, Any]:
  """The problem's system with a candidate's numbers in it."""
  system = copy.deepcopy(dict(spec['system']))
  for key, number in numbers.items():
    *way, last = spec['keys'][key]['path']
    place = system
    for step in way:
      place = place[step]
    place[last] = number * spec['keys'][key]['factor']
  return system


class _Slot(sandboxed.WorkerSlot):
  """One zygote with OpenMM behind the pool's interface."""

  def __init__(self, domain: 'MolecularVerifier'):
    self._domain = domain
    super().__init__(worker_lib.Worker(domain.isolation, packages=('openmm',)))

  def verify(
      self, problem: types.Problem, completion: str, limits: base.Limits
  ) -> types.Verdict:
    verdict = functools.partial(base.make_verdict, self._domain)
    spec = problem.spec
    try:
      numbers = read(spec['keys'], completion)
    except Refused as error:
      return verdict(types.FAIL, error.reason, detail=str(error))
    systems = spec['system'], candidate_system(spec, numbers)
    try:
      outcome, answer = self._worker.call(
          _judge_source(), 'judge', systems, limits
      )
    except worker_lib.WorkerDied as error:
      return verdict(types.ERROR, 'worker_died', detail=str(error))
    verdict = functools.partial(
        verdict,
        cpu_seconds=outcome.cpu_seconds,
        wall_seconds=outcome.wall_seconds,
    )
    if outcome.status != worker_lib.PASSED:
      if outcome.status == types.ERROR or outcome.reason in _OWN_FAULT:
        return verdict(outcome.status, outcome.reason, detail=outcome.detail)
      detail = f'the judge of {problem.id} failed: {outcome.detail}'
      return verdict(types.ERROR, 'worker_died', detail=detail)
    trouble, measured = answer
    if trouble:
      detail = f'the simulation broke down: {trouble}'
      return verdict(types.FAIL, 'wrong_answer', detail=detail)
    drift = measured['drift']
    for name, (least, most) in spec['windows'].items():
      if not least <= measured[name] <= most:  # NaN is outside, too.
        detail = f'{name} is {measured[name]:.3g}, not {least:g} to {most:g}'
        return verdict(
            types.FAIL, 'wrong_answer', detail=detail, score=drift
        )
    return verdict(types.PASS, 'passed', score=drift)


class MolecularVerifier(sandboxed.SandboxedVerifier):
  """Verifies parameters of simulations; see `base.Verifier` and this module.

  The score is the drift: the standard deviation of the total energy over the
  mean kinetic energy.

  Attributes:
    isolation: the level chosen for this host.
    limits: what each candidate may spend.
  """

  name = 'molecular'
  default_limits = base.Limits(
      cpu_seconds=10.0, wall_seconds=30.0, memory_bytes=2 << 30
  )

  def __init__(self, **options: Any):
    """Looks for the tool; see `sandboxed.SandboxedVerifier` for options."""
    if importlib.util.find_spec('openmm') is None:
      raise base.ToolMissing.package('openmm', 'molecular')
    self.version = f'{_VERSION}/openmm-{importlib.metadata.version("openmm")}'
    super().__init__(**options)

  def open_slot(self) -> _Slot:
    return _Slot(self)

  def fingerprint(self, problem: types.Problem) -> str:
    return json.dumps(dict(problem.spec), sort_keys=True)
