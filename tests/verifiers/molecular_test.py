"""The molecular verifier with OpenMM: sound numbers, cheats, own failures."""

import copy
import importlib.util
import math
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized

from swm_jax import types
from swm_jax.verifiers import base
from swm_jax.verifiers import molecular
from swm_jax.verifiers import molecular_judge
from swm_jax.verifiers.sandbox import levels

_FRACTIONS = (0.125, 0.375, 0.625, 0.875)
# Argon: 64 atoms in a box a little hotter than its liquid.
_ARGON = {
    'species': [
        {'mass': 39.948, 'charge': 0.0, 'sigma': 0.3405, 'epsilon': 0.996}
    ],
    'atoms': [0] * 64,
    'positions': [
        [x, y, z] for x in _FRACTIONS for y in _FRACTIONS for z in _FRACTIONS
    ],
    'box': 1.46,
    'cutoff': 0.72,
    'switch': 0.62,
    'bonds': [],
    'bond': {'length': 0.1, 'constant': 0.0},
    'temperature': 120.0,
    'time_step': 0.008,
    'duration': 0.8,
    'seed': 3,
    'configurations': 3,
    'shake': 0.02,
}
_ALIVE = {
    'temperature': [60.0, 240.0],
    'closest': [0.2, 10.0],
    'energy': [-8.0, -1.0],
}
_TIME_STEP = {
    'keys': {
        'time_step_fs': {
            'path': ['time_step'], 'factor': 0.001, 'least': 4.0, 'most': 90.0
        },
    },
    'system': _ARGON,
    'windows': {'drift': [1e-9, 1e-3], **_ALIVE},
}  # fmt: skip
_PAIR = {
    'keys': {
        'sigma_nm': {
            'path': ['species', 0, 'sigma'], 'factor': 1.0,
            'least': 0.0, 'most': 1.0,
        },
        'epsilon_kj_mol': {
            'path': ['species', 0, 'epsilon'], 'factor': 1.0,
            'least': -10.0, 'most': 100.0,
        },
    },
    'system': _ARGON,
    'windows': {'force_error': [0.0, 0.2], 'drift': [1e-9, 0.05], **_ALIVE},
}  # fmt: skip


def _problem(spec, name='problem'):
  return types.Problem(name, 'test', name, '', domain='molecular', spec=spec)


def _pair(sigma, epsilon):
  return f'{{"sigma_nm": {sigma}, "epsilon_kj_mol": {epsilon}}}'


class MolecularVerifierTest(parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.pool = cls.enterClassContext(molecular.MolecularVerifier().pool(1))

  @parameterized.named_parameters(
      ('integer', _TIME_STEP, '{"time_step_fs": 8}'),
      ('float', _TIME_STEP, ' {"time_step_fs":5.5e0}\n'),
      ('exact', _PAIR, _pair(0.3405, 0.996)),
      ('rounded', _PAIR, _pair(0.34, 1)),
      ('other_order', _PAIR, '{"epsilon_kj_mol": 1.0, "sigma_nm": 0.341}'),
  )
  def test_sound_numbers(self, spec, completion):
    verdict = self.pool.verify(_problem(spec), completion)
    self.assertEqual(verdict.reason, 'passed', str(verdict))
    self.assertEqual(verdict.verifier, 'molecular')
    self.assertIn(verdict.isolation, levels.LEVELS)
    self.assertGreater(verdict.cpu_seconds, 0)
    self.assertBetween(verdict.score, *spec['windows']['drift'])

  @parameterized.named_parameters(
      ('coarse', _TIME_STEP, '{"time_step_fs": 40}', 'drift'),
      ('explodes', _TIME_STEP, '{"time_step_fs": 85}', ''),
      ('wrong_size', _PAIR, _pair(0.36, 0.996), 'force_error'),
      ('wrong_depth', _PAIR, _pair(0.3405, 1.4), 'force_error'),
      ('not_interacting', _PAIR, _pair(0.3405, 0), 'force_error'),
      ('points', _PAIR, _pair(0, 0.996), 'force_error'),
      ('overlapping', _PAIR, _pair(0.9, 0.996), ''),
      ('frozen_by_a_deep_well', _PAIR, _pair(0.3405, 100), 'force_error'),
      ('repelling', _PAIR, _pair(0.3405, -0.996), ''),
      ('units_mixed_up', _PAIR, _pair(0.3405, 0.238), 'force_error'),
  )
  def test_unsound_numbers(self, spec, completion, observable):
    verdict = self.pool.verify(_problem(spec), completion)
    self.assertEqual(verdict.status, types.FAIL, str(verdict))
    self.assertEqual(verdict.reason, 'wrong_answer', str(verdict))
    self.assertIn(observable, verdict.detail)

  @parameterized.named_parameters(
      ('tiny_steps', '{"time_step_fs": 0.001}', 'refused'),
      ('huge_steps', '{"time_step_fs": 1e9}', 'refused'),
      ('no_steps', '{"time_step_fs": 0}', 'refused'),
      ('backwards', '{"time_step_fs": -8}', 'refused'),
      ('nan', '{"time_step_fs": NaN}', 'refused'),
      ('infinity', '{"time_step_fs": Infinity}', 'refused'),
      ('infinite_by_exponent', '{"time_step_fs": 1e999}', 'refused'),
      ('beyond_floats', '{"time_step_fs": 1' + '0' * 350 + '}', 'refused'),
      ('truth', '{"time_step_fs": true}', 'refused'),
      ('null', '{"time_step_fs": null}', 'refused'),
      ('text', '{"time_step_fs": "8"}', 'refused'),
      ('list', '{"time_step_fs": [8]}', 'refused'),
      ('object', '{"time_step_fs": {"time_step_fs": 8}}', 'refused'),
      ('repeated_key', '{"time_step_fs": 80, "time_step_fs": 8}', 'refused'),
      ('no_duration', '{"time_step_fs": 8, "duration": 0}', 'refused'),
      ('changed_mass', '{"time_step_fs": 8, "mass": 1e9}', 'refused'),
      ('changed_charge', '{"time_step_fs": 8, "charge": 0}', 'refused'),
      ('empty_system', '{"time_step_fs": 8, "atoms": []}', 'refused'),
      ('huge_system', '{"time_step_fs": 8, "atoms": 1000000}', 'refused'),
      ('own_window', '{"time_step_fs": 8, "windows": {}}', 'refused'),
      ('other_key', '{"time_step": 8}', 'refused'),
      ('no_key', '{}', 'refused'),
      ('bare_number', '8', 'refused'),
      ('bare_list', '[["time_step_fs", 8]]', 'refused'),
      ('two_objects', '{"time_step_fs": 80} {"time_step_fs": 8}', 'syntax'),
      ('unfinished', '{"time_step_fs": 8', 'syntax'),
      ('comment', '{"time_step_fs": 8} // fs', 'syntax'),
      ('code', '{"time_step_fs": 4 + 4}', 'syntax'),
      ('call', '{"time_step_fs": __import__("os")}', 'syntax'),
      ('single_quotes', "{'time_step_fs': 8}", 'syntax'),
      ('hexadecimal', '{"time_step_fs": 0x8}', 'syntax'),
      ('other_digits', '{"time_step_fs": \u0668}', 'syntax'),
      ('null_byte', '{"time_step_fs": 8}\0', 'syntax'),
      ('surrogate', '{"\ud800": 8}', 'refused'),
      ('nested', '[' * 300, 'syntax'),
      ('long', '{"time_step_fs": ' + ' ' * 500 + '8}', 'refused'),
      ('nothing', ' \n', 'missing'),
  )
  def test_refused_before_any_simulation(self, completion, reason):
    verdict = self.pool.verify(_problem(_TIME_STEP), completion)
    self.assertEqual(verdict.status, types.FAIL, str(verdict))
    self.assertEqual(verdict.reason, reason, str(verdict))
    self.assertEqual(verdict.cpu_seconds, 0)
    verdict.detail.encode()

  def test_conserving_energy_alone_pays_nothing(self):
    # Free particles conserve it perfectly at any time step.
    verdict = self.pool.verify(_problem(_PAIR), _pair(0.001, 1e-9))
    self.assertEqual(verdict.status, types.FAIL, str(verdict))

  def test_a_frozen_system_is_outside_the_temperature_window(self):
    spec = copy.deepcopy(_TIME_STEP)
    spec['system']['temperature'] = 0.0
    spec['system']['species'][0]['epsilon'] = 1e-6
    verdict = self.pool.verify(_problem(spec), '{"time_step_fs": 8}')
    self.assertEqual(verdict.status, types.FAIL, str(verdict))

  def test_the_same_numbers_measure_the_same_every_time(self):
    scores = set()
    for name in ('first', 'second', 'third'):  # Past the cache.
      verdict = self.pool.verify(
          _problem(_TIME_STEP, name), '{"time_step_fs": 11}'
      )
      scores.add(verdict.score)
    self.assertLen(scores, 1)

  def test_the_time_limit_is_a_failure(self):
    domain = molecular.MolecularVerifier(
        limits=base.Limits(cpu_seconds=0.005)
    )
    with domain.pool(1) as pool:
      verdict = pool.verify(_problem(_TIME_STEP), '{"time_step_fs": 4}')
    self.assertEqual((verdict.status, verdict.reason), (types.FAIL, 'time'))

  @parameterized.named_parameters(
      ('raises', 'raise KeyError("drift")', 'KeyError'),
      ('does_not_parse', 'return (', 'failed'),
  )
  def test_own_failures_are_errors(self, body, detail):
    source = f'def judge(reference, candidate):\n  {body}\n'
    with mock.patch.object(molecular, '_judge_source', lambda: source):
      with molecular.MolecularVerifier().pool(1) as pool:
        verdict = pool.verify(_problem(_TIME_STEP), '{"time_step_fs": 8}')
    self.assertEqual(
        (verdict.status, verdict.reason), (types.ERROR, 'worker_died')
    )
    self.assertIn(detail, verdict.detail)

  def test_a_nan_is_outside_every_window(self):
    source = (
        'def judge(reference, candidate):\n'
        '  return "", dict.fromkeys(\n'
        '      ("drift", "temperature", "closest", "energy"), float("nan"))\n'
    )
    with mock.patch.object(molecular, '_judge_source', lambda: source):
      with molecular.MolecularVerifier().pool(1) as pool:
        verdict = pool.verify(_problem(_TIME_STEP), '{"time_step_fs": 8}')
    self.assertEqual(verdict.reason, 'wrong_answer', str(verdict))

  def test_a_dead_worker_is_an_error(self):
    slot = molecular.MolecularVerifier().open_slot()
    slot.abort()
    verdict = slot.verify(
        _problem(_TIME_STEP), '{"time_step_fs": 8}', base.Limits()
    )
    slot.close()
    self.assertEqual(
        (verdict.status, verdict.reason), (types.ERROR, 'worker_died')
    )

  def test_a_missing_tool_says_what_to_install(self):
    find = importlib.util.find_spec

    def without(name, *rest):
      return None if name == 'openmm' else find(name, *rest)

    with mock.patch.object(importlib.util, 'find_spec', without):
      with self.assertRaisesRegex(
          base.ToolMissing, r'openmm .*--extras=molecular$'
      ):
        molecular.MolecularVerifier()

  def test_the_fingerprint_changes_with_the_question(self):
    domain = molecular.MolecularVerifier()
    colder = copy.deepcopy(_TIME_STEP)
    colder['system']['temperature'] = 100.0
    wider = copy.deepcopy(_TIME_STEP)
    wider['windows']['drift'] = [0.0, 1.0]
    texts = {
        domain.fingerprint(_problem(spec))
        for spec in (_TIME_STEP, _PAIR, colder, wider)
    }
    self.assertLen(texts, 4)


class JudgeTest(absltest.TestCase):
  """Observables against what follows from Newton's and the pair formulas."""

  def _pair_system(self, **changes):
    system = copy.deepcopy(_ARGON)
    system.update(
        atoms=[0, 0], positions=[[0, 0, 0], [0.4, 0, 0]], box=0.0,
        cutoff=0.0, switch=0.0, configurations=1, shake=0.0,
    )  # fmt: skip
    system.update(changes)
    return system

  def test_the_force_of_a_pair_is_the_formula_s(self):
    system = self._pair_system()
    positions = molecular_judge._configurations(system)
    forces = molecular_judge._forces(system, positions)[0]
    ratio = (0.3405 / 0.4) ** 6
    # -dE/dr of 4 epsilon (ratio^2 - ratio), by hand.
    expected = 4 * 0.996 * (12 * ratio**2 - 6 * ratio) / 0.4
    self.assertAlmostEqual(forces[1][0], expected, delta=1e-5 * abs(expected))
    self.assertAlmostEqual(forces[0][0], -expected, delta=1e-5 * abs(expected))

  def test_a_scaled_depth_is_off_by_its_share(self):
    # Forces are proportional to epsilon.
    system = self._pair_system()
    candidate = copy.deepcopy(system)
    candidate['species'][0]['epsilon'] *= 1.25
    trouble, measured = molecular_judge.judge(system, candidate)
    self.assertEqual(trouble, '')
    self.assertAlmostEqual(measured['force_error'], 0.25, places=6)

  def test_the_drift_falls_with_the_square_of_the_time_step(self):
    # Velocity Verlet is of second order.
    drifts = []
    for time_step in (0.008, 0.004):
      candidate = copy.deepcopy(_ARGON) | {'time_step': time_step}
      _, measured = molecular_judge.judge(_ARGON, candidate)
      drifts.append(measured['drift'])
    self.assertBetween(drifts[0] / drifts[1], 3.0, 5.0)

  def test_the_density_is_mass_over_volume(self):
    _, measured = molecular_judge.judge(_ARGON, _ARGON)
    expected = 64 * 39.948 * 1.66053906660 / 1.46**3
    self.assertAlmostEqual(measured['density'], expected, places=6)

  def test_a_stretched_bond_swings_with_its_energy(self):
    # Started at rest: the mean potential energy is half of k/2 * stretch^2.
    system = self._pair_system(
        bonds=[[0, 1]],
        bond={'length': 0.39, 'constant': 1e5},
        temperature=0.0,
        time_step=0.0002,
        duration=2.0,
    )
    _, measured = molecular_judge.judge(system, system)
    expected = 0.5 * (0.5 * 1e5 * 0.01**2) / 2
    self.assertAlmostEqual(
        measured['energy'], expected, delta=0.03 * expected
    )
    self.assertTrue(math.isinf(measured['closest']))


if __name__ == '__main__':
  absltest.main()
