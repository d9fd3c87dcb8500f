"""A tiny night from end to end."""

import json
import re

import pytest
import tensorflow_datasets as tfds

from experiments import history
from experiments import report_figures
from swm_jax import snapshots
from swm_jax.data import replay
from swm_jax.models import pretrained
from tests.nightly import outcomes
from tests.nightly import tiny


def test_night_ends_well_and_prints_five_lines():
  workdir, done = outcomes.finished()
  assert done.returncode == 0, done.stderr
  lines = done.stdout.strip().splitlines()
  assert lines[0] == f'Report: {workdir}/night_000/report.html'
  assert len(lines) == 6
  assert lines[1].startswith('Night 0 ') and 'Held-out pass@1' in lines[2]
  assert 'Traceback' not in done.stderr


def test_report_has_what_other_programs_read():
  workdir, _ = outcomes.finished()
  report = tiny.report(workdir)
  assert {
      'criterion', 'gate', 'evaluation', 'weights', 'phases', 'dreams',
      'contamination', 'isolation', 'seed', 'command',
  } <= report.keys()
  assert {'adopted', 'reasons'} <= report['gate'].keys()
  assert {'per_type', 'temperatures', 'kl'} <= report['evaluation'].keys()
  for name in ('held_out', 'unrelated', 'humaneval'):
    result = report['evaluation'][name]
    for part in ('dusk', 'morning'):
      assert {'pass_at_1', 'greedy', 'problems', 'samples'} <= (
          result[part].keys()
      )
      assert 0.0 <= result[part]['pass_at_1'] <= 1.0
    difference = result['difference']
    assert difference['low'] <= difference['mean'] <= difference['high']
    assert difference['mean'] == pytest.approx(
        result['morning']['pass_at_1'] - result['dusk']['pass_at_1'], abs=2e-6
    )
  assert report['evaluation']['held_out']['dusk']['problems'] == 6
  # Of each problem one greedy and two sampled answers each.
  assert report['evaluation']['held_out']['dusk']['samples'] == 3
  for name in ('dusk', 'wake', 'rem', 'consolidate', 'morning'):
    assert {'seconds', 'tokens', 'peak_rss_bytes'} <= (
        report['phases'][name].keys()
    )
    assert report['phases'][name]['tokens'] > 0
  assert {'sampled', 'verified', 'distinct', 'masked_errors'} <= (
      report['dreams'].keys()
  )
  assert report['criterion'] == json.loads(
      (workdir / 'criterion.json').read_text()
  )
  assert '--workdir=' in report['command']


def test_the_tiny_model_both_succeeds_and_fails():
  # Otherwise the other tests would see a night without x+ or without x-.
  workdir, _ = outcomes.finished()
  report = tiny.report(workdir)
  assert 0 < report['wake']['verified'] < report['wake']['sampled']
  assert 0 < report['dreams']['distinct'] <= report['dreams']['verified']
  assert report['dreams']['masked_errors'] == 0
  assert report['phases']['consolidate']['negatives'] > 0
  assert report['phases']['consolidate']['steps'] >= 4


def test_pages_and_figures_are_written():
  workdir, _ = outcomes.finished()
  night = workdir / 'night_000'
  for name in report_figures.FIGURES:
    png = (night / 'figures' / f'{name}.png').read_bytes()
    assert png.startswith(b'\x89PNG') and len(png) > 5_000
    assert b'</svg>' in (night / 'figures' / f'{name}.svg').read_bytes()
  again = outcomes.copy(night, 'figures_again')
  report_figures.draw(tiny.report(workdir), again / 'figures')
  for path in (night / 'figures').iterdir():
    assert (again / 'figures' / path.name).read_bytes() == path.read_bytes()
  html = (night / 'report.html').read_text()
  count = html.count('data:image/png;base64,')
  assert count == len(report_figures.FIGURES) == 6
  # Self-contained: nothing is fetched from elsewhere.
  assert not re.search(r'(src|href)="(?!data:|#)', html)
  report = tiny.report(workdir)
  mean = f"{report['evaluation']['held_out']['difference']['mean']:+.3f}"
  assert mean in html and mean in (night / 'report.md').read_text()


def test_weights_change_in_consolidation_alone():
  workdir, _ = outcomes.finished()
  store = snapshots.Snapshots(workdir / 'snapshots', read_only=True)
  chain = [
      snapshots.Lineage.from_json(store.read_metadata(step))
      for step in store.recorded()
  ]
  assert [line.phase for line in chain] == list(history.PHASES)
  params, _, _ = pretrained.load(tiny.model())
  initial = snapshots.digest(params)
  before = [line.weights_before for line in chain]
  after = [line.weights_after for line in chain]
  assert before == [initial] * 4
  assert after[:2] == [initial] * 2
  assert after[2] == after[3] != initial
  assert tiny.report(workdir)['weights'] == {
      'dusk': initial, 'morning': after[3]
  }
  saved = store.restore(2, {'params': params})['params']
  assert snapshots.digest(saved) == after[3]


def test_lineage_prints_and_verifies_the_night():
  workdir, _ = outcomes.finished()
  done = outcomes.lineage(workdir)
  assert done.returncode == 0, done.stderr
  gate = tiny.report(workdir)['gate']
  assert ('ADOPTED' if gate['adopted'] else 'REJECTED') in done.stdout
  assert '4 snapshots, every digest verified' in done.stdout


def test_third_parties_can_open_the_wake_log():
  workdir, _ = outcomes.finished()
  folder = workdir / 'night_000' / 'wake' / 'log'
  records = tfds.builder_from_directory(folder).as_data_source('train')
  assert len(records) == tiny.report(workdir)['wake']['sampled']
  first = records[0]
  assert first['top_k']['values'].shape == (len(first['tokens']), 8)
  assert first['hidden']['codes'].shape == (len(first['tokens']), 64)
  assert first['latents'].shape == (1, 2, 64)
  assert first['verdict']['isolation'].decode()


def test_metrics_have_a_line_a_step_of_each_phase():
  workdir, _ = outcomes.finished()
  lines = tiny.metrics(workdir)
  steps = {
      phase: [line['step'] for line in lines if line['phase'] == phase]
      for phase in ('wake', 'rem', 'consolidate')
  }
  consolidated = tiny.report(workdir)['phases']['consolidate']['steps']
  assert steps == {
      'wake': [0, 1], 'rem': [0, 1], 'consolidate': list(range(consolidated))
  }
  first = next(line for line in lines if line['phase'] == 'rem')
  # The dreamer begins as the base.
  assert first['loss_ratio'] == pytest.approx(1.0, abs=1e-3)
  assert first['slope'] == pytest.approx(0.0, abs=1e-3)


@pytest.mark.slow
def test_finished_night_is_shown_again_and_left_alone():
  workdir, done = outcomes.finished()
  before = outcomes.state_of_files(workdir)
  again = tiny.run(workdir)
  assert again.returncode == 0, again.stderr
  assert again.stdout == done.stdout
  assert outcomes.state_of_files(workdir) == before


# --- Several nights ---


@pytest.mark.slow
def test_second_night_builds_on_the_first():
  whole, _ = outcomes.finished()
  workdir = outcomes.copy(whole, 'second')
  adopted = tiny.report(workdir)['gate']['adopted']
  before = outcomes.outcome(workdir)['files']
  done = tiny.run(workdir, '--config.num_nights=2')
  assert done.returncode == 0, done.stderr
  first, second = tiny.report(workdir), tiny.report(workdir, 1)
  expected = first['weights']['morning' if adopted else 'dusk']
  assert second['weights']['dusk'] == expected
  # Those weights were measured in the first night: nothing is decoded again,
  # and nothing of the first night is touched.
  assert second['evaluation']['held_out']['dusk'] == (
      first['evaluation']['held_out']['morning' if adopted else 'dusk']
  )
  after = outcomes.outcome(workdir, 2)['files']
  assert {name: after[name] for name in before} == before
  weights = {
      report['weights'][time][:16]
      for report in (first, second) for time in ('dusk', 'morning')
  }
  assert {p.name for p in (workdir / 'evaluations').iterdir()} == weights
  # Other keys by day, so that the second wake is not the first again.
  logs = outcomes.outcome(workdir, 2)['logs']
  assert logs['0 wake'] != logs['1 wake']
  anchors = [
      replay.Reservoir.load(workdir / 'anchors' / f'night_{n:03d}')
      for n in range(2)
  ]
  old = {entry['tokens'].tobytes() for entry in anchors[0].entries}
  kept = sum(e['tokens'].tobytes() in old for e in anchors[1].entries)
  assert kept > 0 and anchors[1].seen > anchors[0].seen
  printed = outcomes.lineage(workdir)
  assert printed.returncode == 0, printed.stderr
  assert 'night 0 ' in printed.stdout and 'night 1 ' in printed.stdout
  assert '8 snapshots' in printed.stdout


@pytest.mark.slow
def test_rejected_night_leaves_the_next_one_the_old_weights():
  workdir = tiny.folder() / 'rejected'
  done = tiny.run(
      workdir, '--config.criterion.min_gain=1.0', '--config.num_nights=2'
  )
  assert done.returncode == 0, done.stderr
  first, second = tiny.report(workdir), tiny.report(workdir, 1)
  assert not first['gate']['adopted'] and first['gate']['reasons']
  assert second['weights']['dusk'] == first['weights']['dusk']
  assert first['weights']['morning'] != first['weights']['dusk']
  store = snapshots.Snapshots(workdir / 'snapshots', read_only=True)
  assert store.read_metadata(4)['parent'] is None
  assert 2 in store.steps()  # The rejected weights are kept.
  assert outcomes.lineage(workdir).returncode == 0


# --- Killed and continued ---
