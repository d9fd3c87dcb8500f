"""The judge program of the molecular domain; runs in a sandboxed child.

It builds two systems, with the reference's parameters and with the
candidate's, compares their forces on the same configurations, and integrates
the candidate's at constant energy. All of it runs on OpenMM's reference
platform: one thread, double precision, the same numbers every time.

Units: nm, ps, amu, elementary charges, kJ/mol, K.
"""

import math
import random

import numpy as np
import openmm

_BOLTZMANN = 0.00831446261815324  # kJ/mol/K
_DENSITY = 1.66053906660  # kg/m^3 in an amu/nm^3
_SAMPLES = 100


def judge(reference, candidate):
  """Measures a candidate's system.

  Args:
    reference: the system, see `molecular.MolecularVerifier`.
    candidate: the same with the candidate's numbers in it.

  Returns:
    (what went wrong or '', {observable: value}).

    force_error  root mean square of the difference of the forces over that
                 of the reference's, over all configurations
    drift        standard deviation of the total energy over the mean kinetic
                 energy
    temperature  mean over the run, K
    closest      least distance of two particles not bonded, nm
    energy       mean potential energy of a particle, kJ/mol
    density      kg/m^3, 0 without a box
  """
  configurations = _configurations(reference)
  wanted = _forces(reference, configurations)
  try:
    found = _forces(candidate, configurations)
    measured = _run(candidate)
  except openmm.OpenMMException as error:
    return str(error), {}
  difference = math.sqrt(((found - wanted) ** 2).mean())
  measured['force_error'] = difference / math.sqrt((wanted**2).mean())
  return '', measured


def _positions(system):
  """Start positions, `[N, 3]`; in a box they are fractions of its edge."""
  positions = np.array(system['positions'])
  return positions * system['box'] if system['box'] else positions


def _configurations(system):
  """Start positions and randomly displaced ones, `[C, N, 3]`."""
  rng = random.Random(system['seed'])
  start = _positions(system)
  shakes = [
      [[rng.uniform(-1, 1) for _ in range(3)] for _ in start]
      for _ in range(system['configurations'])
  ]
  return start + system['shake'] * np.array(shakes)


def _context(system, time_step):
  built = openmm.System()
  nonbonded = openmm.NonbondedForce()
  for kind in system['atoms']:
    species = system['species'][kind]
    built.addParticle(species['mass'])
    nonbonded.addParticle(
        species['charge'], species['sigma'], species['epsilon']
    )
  if system['box']:
    edge = system['box']
    built.setDefaultPeriodicBoxVectors(
        (edge, 0, 0), (0, edge, 0), (0, 0, edge)
    )
    nonbonded.setNonbondedMethod(openmm.NonbondedForce.CutoffPeriodic)
    nonbonded.setCutoffDistance(system['cutoff'])
    nonbonded.setUseSwitchingFunction(True)
    nonbonded.setSwitchingDistance(system['switch'])
    nonbonded.setUseDispersionCorrection(False)
  bonds = openmm.HarmonicBondForce()
  for first, second in system['bonds']:
    bonds.addBond(
        first, second, system['bond']['length'], system['bond']['constant']
    )
    nonbonded.addException(first, second, 0.0, 1.0, 0.0)
  built.addForce(nonbonded)
  built.addForce(bonds)
  return openmm.Context(
      built,
      openmm.VerletIntegrator(time_step),
      openmm.Platform.getPlatformByName('Reference'),
  )


def _forces(system, configurations):
  context = _context(system, system['time_step'])
  forces = []
  for positions in configurations:
    context.setPositions(positions)
    state = context.getState(getForces=True)
    forces.append(state.getForces(asNumpy=True)._value)
  return np.array(forces)


def _run(system):
  """Integrates for the system's duration, in a whole number of steps."""
  steps = max(1, round(system['duration'] / system['time_step']))
  context = _context(system, system['time_step'])
  context.setPositions(_positions(system))
  context.setVelocitiesToTemperature(system['temperature'], system['seed'])
  stride = max(1, steps // _SAMPLES)
  kinetic, potential, closest = [], [], math.inf
  integrator = context.getIntegrator()
  apart = _apart(system)
  for _ in range(0, steps, stride):
    integrator.step(stride)
    state = context.getState(getEnergy=True, getPositions=True)
    kinetic.append(state.getKineticEnergy()._value)
    potential.append(state.getPotentialEnergy()._value)
    positions = state.getPositions(asNumpy=True)._value
    if len(apart):
      gap = positions[apart[:, 0]] - positions[apart[:, 1]]
      if system['box']:
        gap -= system['box'] * np.round(gap / system['box'])
      closest = min(closest, float(np.sqrt((gap**2).sum(axis=1)).min()))
  count = len(system['atoms'])
  mean_kinetic = float(np.mean(kinetic))
  mass = sum(system['species'][kind]['mass'] for kind in system['atoms'])
  return {
      'drift': float(np.std(np.add(kinetic, potential))) / mean_kinetic,
      'temperature': 2 * mean_kinetic / (3 * count * _BOLTZMANN),
      'closest': closest,
      'energy': float(np.mean(potential)) / count,
      'density': _DENSITY * mass / system['box'] ** 3 if system['box'] else 0.0,
  }


def _apart(system):
  """Pairs of particles that are not bonded, `[P, 2]`."""
  bonded = {tuple(sorted(pair)) for pair in system['bonds']}
  count = len(system['atoms'])
  return np.array([
      (i, j)
      for i in range(count)
      for j in range(i)
      if (j, i) not in bonded
  ], dtype=int).reshape(-1, 2)
