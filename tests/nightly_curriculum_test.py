"""Nights of changing types, carried on, and consolidated from the base."""

import json
import os

import pytest

from experiments import forgetting_matrix
from swm_jax import snapshots
from tests.nightly import outcomes
from tests.nightly import tiny
from tests.nightly import tiny_config

FLAGS = (
    '--config.num_nights=2', '--config.adopt=always',
    '--config.consolidate_from=base', '--config.criterion.min_gain=1.0',
    f"--config.tasks.nights={tuple((kind,) for kind in tiny_config.EXPLORED)}",
)


@pytest.mark.slow
def test_nights_see_their_types_and_begin_from_the_base():
  workdir = tiny.folder() / 'curriculum'
  done = tiny.run(workdir, *FLAGS)
  assert done.returncode == 0, done.stderr
  assert 'rejected and carried on' in done.stdout
  reports = [tiny.report(workdir, night) for night in range(2)]
  store = snapshots.Snapshots(workdir / 'snapshots', read_only=True)
  chain = [
      snapshots.Lineage.from_json(store.read_metadata(step))
      for step in store.recorded()
  ]
  for night, (report, kind) in enumerate(zip(reports, tiny_config.EXPLORED)):
    log = workdir / f'night_{night:03d}'
    seen = {e['problem'].split('/')[0] for e in outcomes.records(log / 'wake')}
    assert seen == {kind}
    assert set(report['evaluation']['per_type']['held_out']) == set(
        tiny_config.EXPLORED
    )
    assert 'adopt=always' in report['gate']['reasons'][-1]
  # The second night wakes with what the first left, and trains the initial
  # weights on the memories of both.
  assert reports[1]['weights']['dusk'] == reports[0]['weights']['morning']
  assert [line.gate for line in chain if line.gate] == ['carried'] * 2
  initial = chain[0].weights_before
  assert [
      line.trained_from for line in chain if line.phase == 'consolidate'
  ] == [initial] * 2
  counts = [
      json.loads((workdir / f'night_{n:03d}' / 'counts.json').read_text())
      for n in range(2)
  ]
  assert counts[1]['consolidate']['problems'] > (
      counts[0]['consolidate']['problems']
  )
  assert outcomes.lineage(workdir).returncode == 0
  matrix = forgetting_matrix.read(workdir, 2, seed=0)
  assert len(matrix.rows) == 3
  drift = forgetting_matrix.drifts(workdir, 2)
  assert all(text['code']['mean'] > 0 for text in drift)
  again = tiny.run(workdir, *FLAGS)
  assert again.returncode == 0 and os.fspath(workdir) in again.stdout
