"""Every problem through the sandboxed verifier."""

import pytest

from swm_jax.tasks import mutation
from swm_jax.tasks.python_functions import catalog
from swm_jax.verifiers import base
from swm_jax.verifiers import python


@pytest.fixture(name='verifier', scope='module')
def _verifier():
  # Changed loops may not end; no reference needs a tenth of this.
  verifier = python.PythonVerifier(
      limits=base.Limits(cpu_seconds=0.5, wall_seconds=5.0)
  )
  yield verifier
  verifier.close()


@pytest.mark.slow
def test_every_reference_passes(verifier):
  problems = catalog.suite(seed=0)
  pairs = [(problem, problem.reference) for problem in problems]
  failed = [
      (problems[i].id, verdict.reason, verdict.detail)
      for i, verdict in verifier.verify_batch(pairs)
      if not verdict.passed
  ]
  assert not failed


@pytest.mark.slow
def test_a_mutant_of_every_template_fails(verifier):
  problems = [p for p in catalog.suite(seed=0) if p.id.endswith('/0')]
  pairs = [(p, m) for p in problems for m in mutation.mutate(p.reference)]
  mutants_failed = {
      pairs[i][0].id
      for i, verdict in verifier.verify_batch(pairs)
      if verdict.status == 'fail'
  }
  assert not {p.id for p in problems} - mutants_failed
