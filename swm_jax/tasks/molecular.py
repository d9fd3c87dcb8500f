"""Problems for the molecular verifier: numbers that make a simulation right.

  time_step      small enough to conserve energy, no smaller than is useful
  lennard_jones  the parameters of a pair potential from what is told of it
  harmonic_bond  the parameters of a bond from what is told of it
  cutoff         where to end pair forces in a periodic box

A template is one substance or system; its rows differ in state or in how the
data are told. Sources of the data:

  pair potentials  R. A. Svehla, NASA Technical Report R-132, 1962 (from
                   viscosities); ions: I. S. Joung and T. E. Cheatham, J. Phys.
                   Chem. B 112, 9020, 2008 (for TIP3P)
  bonds            K. P. Huber and G. Herzberg, Constants of Diatomic
                   Molecules, 1979: r_e and omega_e; the force constant is
                   mu (2 pi c omega_e)^2

The densities of liquids, near the normal boiling point, are rounded and only
choose the size of a box: no answer depends on their being exact.
"""

from collections.abc import Mapping
import dataclasses
import json
import math
from typing import Any

from swm_jax import types

NAME = 'molecular'
DOMAIN = 'molecular'
STOP_STRINGS = ('\n', '```')

_BOLTZMANN = 0.00831446261815324  # kJ/mol/K
_LIGHT = 2.99792458e-2  # cm/ps
_DENSITY = 1.66053906660  # kg/m^3 in an amu/nm^3
_SEED = 20

# Mass (amu), sigma (nm), epsilon / k (K), density of the liquid (kg/m^3, 0
# where it is not used), temperature of the liquid (K).
_PAIRS = {
    'helium': (4.0026, 0.2551, 10.22, 0, 0),
    'neon': (20.180, 0.2820, 32.8, 1200, 27),
    'argon': (39.948, 0.3542, 93.3, 1390, 87),
    'krypton': (83.798, 0.3655, 178.9, 2410, 120),
    'xenon': (131.293, 0.4047, 231.0, 2940, 165),
    'hydrogen': (2.016, 0.2827, 59.7, 0, 0),
    'nitrogen': (28.014, 0.3798, 71.4, 806, 77),
    'oxygen': (31.998, 0.3467, 106.7, 1140, 90),
    'carbon monoxide': (28.010, 0.3690, 91.7, 790, 82),
    'carbon dioxide': (44.010, 0.3941, 195.2, 0, 0),
    'methane': (16.043, 0.3758, 148.6, 422, 112),
    'ethylene': (28.054, 0.4163, 224.7, 568, 169),
    'ethane': (30.070, 0.4443, 215.7, 544, 185),
    'propane': (44.097, 0.5118, 237.1, 581, 231),
    'carbon tetrafluoride': (88.004, 0.4662, 134.0, 1600, 145),
    'sulfur hexafluoride': (146.06, 0.5128, 222.1, 0, 0),
    'chlorine': (70.906, 0.4217, 316.0, 1560, 239),
}

_LIQUIDS = tuple(name for name, data in _PAIRS.items() if data[3])

# Masses of both atoms (amu), r_e (angstrom), omega_e (1/cm).
_BONDS = {
    'hydrogen H2': (1.008, 1.008, 0.741, 4401),
    'nitrogen N2': (14.003, 14.003, 1.098, 2359),
    'oxygen O2': (15.995, 15.995, 1.208, 1580),
    'fluorine F2': (18.998, 18.998, 1.412, 917),
    'chlorine Cl2': (34.969, 34.969, 1.988, 560),
    'bromine Br2': (78.918, 78.918, 2.281, 325),
    'iodine I2': (126.904, 126.904, 2.666, 215),
    'hydrogen fluoride HF': (1.008, 18.998, 0.917, 4138),
    'hydrogen bromide HBr': (1.008, 78.918, 1.414, 2649),
    'hydrogen iodide HI': (1.008, 126.904, 1.609, 2309),
    'carbon monoxide CO': (12.0, 15.995, 1.128, 2170),
    'nitric oxide NO': (14.003, 15.995, 1.151, 1904),
    'lithium hydride LiH': (7.016, 1.008, 1.596, 1406),
}

# Cation and anion: mass (amu), sigma (nm), epsilon (kJ/mol), and the distance
# at which a cube of them is about at rest (nm).
_SALTS = {
    'sodium chloride': (
        (22.990, 0.2439, 0.3658),
        (35.453, 0.4478, 0.1489),
        0.25,
    ),
    'potassium chloride': (
        (39.098, 0.3038, 0.8104),
        (35.453, 0.4478, 0.1489),
        0.29,
    ),
}


@dataclasses.dataclass(frozen=True)
class _Problem:
  """One problem before its prompt is written.

  Attributes:
    template: name, unique in its type.
    told: the line of the prompt that describes it.
    answer: {key: number as the reference gives it}.
    keys: of the spec.
    system: of the spec.
    windows: of the spec.
  """

  template: str
  told: str
  answer: dict[str, float]
  keys: dict[str, dict[str, Any]]
  system: dict[str, Any]
  windows: dict[str, tuple[float, float]]


def _key(
    path: tuple[Any, ...], factor: float, least: float, most: float
) -> dict[str, Any]:
  return {'path': list(path), 'factor': factor, 'least': least, 'most': most}


def _system(**changes: Any) -> dict[str, Any]:
  system = {
      'box': 0.0,
      'cutoff': 0.0,
      'switch': 0.0,
      'bonds': [],
      'bond': {'length': 0.1, 'constant': 0.0},
      'seed': _SEED,
      'configurations': 4,
      'shake': 0.01,
  }
  return system | changes


def _cube(side: int, spacing: float) -> list[list[float]]:
  """Positions of a cubic lattice around spacing/2, nm or fractions."""
  line = [round((i + 0.5) * spacing, 6) for i in range(side)]
  return [[x, y, z] for x in line for y in line for z in line]


def _one_species(mass: float, sigma: float, kelvin: float) -> dict[str, float]:
  return {
      'mass': mass,
      'charge': 0.0,
      'sigma': sigma,
      'epsilon': round(kelvin * _BOLTZMANN, 4),
  }


def _own_time(name: str) -> float:
  """The natural unit of time of a Lennard-Jones fluid, ps."""
  mass, sigma, kelvin, _, _ = _PAIRS[name]
  return sigma * math.sqrt(mass / (kelvin * _BOLTZMANN))


def _fluid(name: str, density: float, temperature: float) -> dict[str, Any]:
  """64 particles on a lattice in a box of the given density."""
  mass, sigma, kelvin, _, _ = _PAIRS[name]
  edge = round((64 * mass * _DENSITY / density) ** (1 / 3), 3)
  return _system(
      species=[_one_species(mass, sigma, kelvin)],
      atoms=[0] * 64,
      positions=_cube(4, 0.25),
      box=edge,
      cutoff=round(0.49 * edge, 3),
      switch=round(0.42 * edge, 3),
      temperature=float(temperature),
      time_step=round(0.004 * _own_time(name), 4),
      duration=round(0.5 * _own_time(name), 3),
      shake=round(0.06 * sigma, 4),
  )


def _molecule(name: str) -> tuple[dict[str, Any], float]:
  """A molecule stretched a little, and its vibration period in ps."""
  first, second, length, wave_number = _BONDS[name]
  frequency = _LIGHT * wave_number
  reduced = first * second / (first + second)
  constant = reduced * (2 * math.pi * frequency) ** 2
  period = 1 / frequency
  system = _system(
      species=[
          {'mass': mass, 'charge': 0.0, 'sigma': 0.3, 'epsilon': 0.0}
          for mass in (first, second)
      ],
      atoms=[0, 1],
      positions=[[0.0, 0.0, 0.0], [round(0.105 * length, 5), 0.0, 0.0]],
      bonds=[[0, 1]],
      bond={
          'length': round(0.1 * length, 5),
          'constant': float(f'{constant:.4g}'),
      },
      temperature=300.0,
      time_step=period / 40,
      duration=20 * period,
      shake=round(0.006 * length, 5),
  )
  return system, period


def _salt(name: str) -> dict[str, Any]:
  """A free cube of four cations and four anions."""
  cation, anion, distance = _SALTS[name]
  species = [
      {'mass': mass, 'charge': charge, 'sigma': sigma, 'epsilon': epsilon}
      for charge, (mass, sigma, epsilon) in zip(
          (1.0, -1.0), (cation, anion)
      )
  ]
  positions = _cube(2, distance)
  atoms = [round(sum(p) / distance - 1.5) % 2 for p in positions]
  return _system(
      species=species,
      atoms=atoms,
      positions=positions,
      temperature=300.0,
      time_step=0.004,
      duration=2.0,
  )


def _time_steps() -> list[_Problem]:
  """A sixtieth of the fastest motion is the least that pays its cost."""
  problems = []

  def add(
      template: str, told: str, system: dict[str, Any], fs: float, drift: float
  ) -> None:
    least, best = float(f'{fs / 60:.2g}'), float(f'{fs / 28:.2g}')
    problems.append(_Problem(
        template,
        f'{told}, fastest motion {fs:.3g} fs',
        {'time_step_fs': best},
        {'time_step_fs': _key(('time_step',), 0.001, least, fs / 4)},
        system,
        {'drift': (1e-9, drift), **_alive(system)},
    ))

  for name in _LIQUIDS:
    density, boiling = _PAIRS[name][3:]
    for times in (1, 2):
      add(
          f'liquid_{_word(name)}',
          f'dense {name} at {times * boiling} K',
          _fluid(name, density, times * boiling),
          round(140 * _own_time(name) / times**0.5),
          0.003,
      )
  for name in _BONDS:
    system, period = _molecule(name)
    add(
        f'molecule_{name.split()[-1]}',
        f'one molecule of {name}',
        system,
        1000 * period,
        0.025,
    )
  for name in _SALTS:
    add(f'cluster_{_word(name)}', f'8 ions of {name}', _salt(name), 120, 0.025)
  return problems


def _lennard_jones() -> list[_Problem]:
  problems = []
  for name, (mass, sigma, kelvin, _, _) in _PAIRS.items():
    species = _one_species(mass, sigma, kelvin)
    depth = species['epsilon']
    rest = 2 ** (1 / 6) * sigma
    system = _system(
        species=[species],
        atoms=[0] * 8,
        positions=_cube(2, round(rest, 4)),
        temperature=round(0.2 * kelvin, 2),
        time_step=round(0.003 * _own_time(name), 5),
        duration=round(0.6 * _own_time(name), 3),
        shake=round(0.05 * sigma, 4),
    )
    known = {
        'sigma_nm': _key(('species', 0, 'sigma'), 1.0, 0.1, 1.0),
        'epsilon_kj_mol': _key(('species', 0, 'epsilon'), 1.0, 0.01, 10.0),
    }
    both = {'sigma_nm': sigma, 'epsilon_kj_mol': depth}
    for told, keys, error in (
        (f'energy zero at {10 * sigma:.3f} angstrom', ('sigma_nm',), 0.3),
        (
            f'lowest energy {-1000 * depth:.1f} J/mol at {10 * rest:.3f} '
            'angstrom',
            ('epsilon_kj_mol',),
            0.1,
        ),
        (
            f'energy zero at {10 * sigma:.3f} angstrom, lowest {-depth} '
            'kJ/mol',
            ('sigma_nm', 'epsilon_kj_mol'),
            0.3,
        ),
    ):
      problems.append(_Problem(
          _word(name),
          f'{name}, {told}',
          {key: both[key] for key in keys},
          {key: known[key] for key in keys},
          system,
          {
              'force_error': (0.0, error),
              'drift': (1e-9, 0.01),
              **_alive(system),
          },
      ))
  return problems


def _harmonic_bonds() -> list[_Problem]:
  problems = []
  for name, (_, _, angstrom, _) in _BONDS.items():
    system, _ = _molecule(name)
    constant = system['bond']['constant']
    length_key = _key(('bond', 'length'), 1.0, 0.03, 0.6)
    constant_key = _key(('bond', 'constant'), 1.0, 1e4, 1e7)
    windows = {
        'force_error': (0.0, 0.25),
        'drift': (1e-9, 0.03),
        **_alive(system),
    }
    length = system['bond']['length']
    both = {'length_nm': length, 'constant_kj_mol_nm2': constant}
    for told, keys in (
        (f'length {angstrom} angstrom', ('length_nm',)),
        (f'length {100 * angstrom:.1f} pm', ('length_nm',)),
        (
            f'length {angstrom} angstrom, constant {constant / 100:g} kJ/mol '
            'per square angstrom',
            ('length_nm', 'constant_kj_mol_nm2'),
        ),
    ):
      known = {
          'length_nm': length_key,
          'constant_kj_mol_nm2': constant_key,
      }
      problems.append(_Problem(
          name.split()[-1],
          f'{name}, {told}',
          {key: both[key] for key in keys},
          {key: known[key] for key in keys},
          system,
          windows,
      ))
  return problems


def _cutoffs() -> list[_Problem]:
  """Beyond half the edge a particle would meet another's image twice."""
  problems = []
  for name in _LIQUIDS:
    density, boiling = _PAIRS[name][3:]
    sigma = _PAIRS[name][1]
    for share in (1.0, 0.7, 0.5):
      system = _fluid(name, share * density, 2 * boiling)
      half = 0.5 * system['box']
      system['switch'] = round(1.5 * sigma, 3)
      problems.append(_Problem(
          _word(name),
          f'{name}, sigma {sigma:.2f} nm, half the box edge {half:.2f} nm',
          {'cutoff_nm': system['cutoff']},
          {'cutoff_nm': _key(('cutoff',), 1.0, round(1.6 * sigma, 3), half)},
          system,
          {
              'force_error': (0.0, 0.06),
              'drift': (1e-9, 0.003),
              **_alive(system),
          },
      ))
  return problems


def _alive(system: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
  """Windows that no frozen, exploding or overlapping system gets through."""
  temperature = system['temperature']
  windows = {'temperature': (0.3 * temperature, 3 * temperature)}
  if len(system['atoms']) > 2:
    windows['closest'] = (0.6 * system['species'][0]['sigma'], 1.0)
  return windows


def _word(name: str) -> str:
  return name.replace(' ', '_')


_TYPES = {
    'time_step': (
        _time_steps,
        'Choose the time step of a simulation: about a thirtieth of the '
        'fastest motion.',
        (
            ('dense radon at 211 K, fastest motion 600 fs',
             {'time_step_fs': 20}),
            ('one molecule of HCl, fastest motion 11.2 fs',
             {'time_step_fs': 0.4}),
            ('dense bromine at 332 K, fastest motion 300 fs',
             {'time_step_fs': 10}),
        ),
    ),
    'lennard_jones': (
        _lennard_jones,
        'Give the Lennard-Jones parameters of two particles.',
        (
            ('nitrous oxide, energy zero at 3.828 angstrom, lowest -1.932 '
             'kJ/mol', {'sigma_nm': 0.3828, 'epsilon_kj_mol': 1.932}),
            ('benzene, lowest energy -3428.1 J/mol at 6.004 angstrom',
             {'epsilon_kj_mol': 3.4281}),
            ('nitric oxide, energy zero at 3.492 angstrom',
             {'sigma_nm': 0.3492}),
        ),
    ),
    'harmonic_bond': (
        _harmonic_bonds,
        'Give the parameters of the harmonic bond of a molecule.',
        (
            ('sodium chloride NaCl, length 2.361 angstrom, constant 654 kJ/mol '
             'per square angstrom',
             {'length_nm': 0.2361, 'constant_kj_mol_nm2': 65400}),
            ('iodine chloride ICl, length 232.1 pm', {'length_nm': 0.2321}),
            ('hydrogen chloride HCl, length 1.275 angstrom',
             {'length_nm': 0.1275}),
        ),
    ),
    'cutoff': (
        _cutoffs,
        'Choose where pair forces end: a little under half the box edge.',
        (
            ('radon, sigma 0.42 nm, half the box edge 1.02 nm',
             {'cutoff_nm': 1.0}),
            ('bromine, sigma 0.43 nm, half the box edge 0.87 nm',
             {'cutoff_nm': 0.85}),
            ('iodine, sigma 0.52 nm, half the box edge 1.13 nm',
             {'cutoff_nm': 1.1}),
        ),
    ),
}  # fmt: skip


def suite(seed: int = 0) -> list[types.Problem]:
  """Returns every problem; nothing is drawn, so the seed has no influence."""
  del seed
  problems = []
  for type_name, (make, task, examples) in _TYPES.items():
    shown = ''.join(
        f'System: {told}\n{json.dumps(answer)}\n\n'
        for told, answer in examples
    )
    counts = {}
    for draft in make():
      k = counts[draft.template] = counts.get(draft.template, -1) + 1
      first = next(iter(draft.keys))
      problems.append(types.Problem(
          id=f'{type_name}/{draft.template}/{k}',
          type=type_name,
          template=draft.template,
          prompt=(
              f'{task}\n\n{shown}System: {draft.told}\n```json\n'
              f'{{"{first}":'
          ),
          reference=json.dumps(draft.answer),
          question=draft.told,
          domain=DOMAIN,
          spec={
              'keys': draft.keys,
              'windows': draft.windows,
              'system': draft.system,
          },
      ))
  return problems


def families() -> Mapping[tuple[str, str], str]:
  """Maps (type, template) to its family: the substance or system."""
  return {
      (problem.type, problem.template): f'{problem.type}/{problem.template}'
      for problem in suite()
  }
