"""The phases of one night on a work directory, each resumable.

A phase is finished when its snapshot is on record. Every method first asks
whether it is, and then only reads what the phase left on disk.

With several processes all of them run every phase together. Process 0 alone
writes to the directory and reads it for the others (`agreement.by_first`).
"""

from collections.abc import Mapping, Sequence
import json
import shutil
from typing import Any

from absl import logging
import jax
import ml_collections
import numpy as np
import tqdm

from experiments import anchors as anchors_lib
from experiments import apparatus as apparatus_lib
from experiments import audit as audit_lib
from experiments import history
from experiments import measurements
from experiments import options as options_lib
from experiments import pages
from experiments import report as report_lib
from experiments import termination
from experiments import workdir as workdir_lib
from swm_jax import agreement
from swm_jax import consolidate
from swm_jax import durable
from swm_jax import metrics as metrics_lib
from swm_jax import morning as morning_lib
from swm_jax import rem
from swm_jax import snapshots
from swm_jax import wake
from swm_jax.data import outcomes
from swm_jax.data import shared_log
from swm_jax.data import trajectory_log
from swm_jax.evaluation import pass_at_k
from swm_jax.evaluation import results

_WEAK = '; verdicts that are only opinions count with consolidate.weak=True'
_CARRIED_ON = 'The next night goes on from these weights (adopt=always).'
Record = trajectory_log.Record
setting = morning_lib.setting


class Night:
  """One night; see `nightly.run` for the order of its methods."""

  def __init__(
      self,
      cfg: ml_collections.ConfigDict,
      work: workdir_lib.Workdir,
      lab: apparatus_lib.Apparatus,
      index: int,
      params: Any,
      criterion: Mapping[str, Any],
  ):
    self.cfg, self.work, self.lab, self.index = cfg, work, lab, index
    self.criterion = criterion
    self.params = params
    self.weights = snapshots.digest(params)
    self.directory = work.night(index)
    agreement.by_first(self._open_metrics)
    self._key = jax.random.fold_in(jax.random.key(cfg.seed), index)
    self._lineage = {'wake_log': '', 'dream_buffer': '', 'trained_from': ''}
    # One host alone waits for all its verdicts: nobody waits for it.
    self._deadline = None
    if jax.process_count() > 1:
      self._deadline = cfg.verifier.deadline_seconds
    self.day = apparatus_lib.day_of(cfg, lab.day, index)
    self._problems = {problem.id: problem for problem in lab.day}
    logging.info('Night %d begins with weights %s', index, self.weights[:16])

  def _open_metrics(self) -> None:
    self._metrics = metrics_lib.MetricsWriter(self.work.path)

  def _write_metrics(
      self, phase: str, step: int, values: Mapping[str, Any]
  ) -> None:
    """Writes a line; values that are not finite stop every process."""
    values = metrics_lib.finite(phase, self.index, step, values)
    if jax.process_index() == 0:
      self._metrics.write(phase, self.index, step, values)

  def _done(self, phase: str) -> bool:
    step = history.snapshot_step(self.index, phase)
    return step in self.work.snapshots.recorded()

  def _record(self, phase, tree, weights_after, gate='', reasons=()) -> None:
    """Makes the end of a phase durable."""
    parent = history.last_adopted_step(self.work, self.index)
    step = history.snapshot_step(self.index, phase)
    if phase != history.PHASES[0]:
      parent = step - 1
    lineage = snapshots.Lineage(
        night=self.index,
        phase=phase,
        parent=parent,
        weights_before=self.weights,
        weights_after=weights_after,
        verifiers=self.lab.verifiers.records,
        gate=gate,
        reasons=tuple(reasons),
        **self._lineage,
    )
    # Weights are kept for ever, of rejected nights too; the rest is small.
    self.work.snapshots.save(step, tree, lineage.to_json(), keep=True)
    # What a finished phase would have continued from is of no more use.
    partial = self.directory / phase / 'partial'
    agreement.by_first(lambda: shutil.rmtree(partial, ignore_errors=True))

  def _log(self, phase: str, night: int | None = None) -> shared_log.SharedLog:
    directory = self.work.night(self.index if night is None else night)
    return shared_log.SharedLog(
        directory / phase / 'log', vocab_size=self.lab.config.vocab_size
    )

  def measure(
      self, name: str, params: Any
  ) -> dict[str, results.SetResults]:
    """Dusk or morning: answers every evaluated set with the same keys.

    Results are kept by the digest of the weights, so that the dusk of a night
    is the morning of the one before, and weights are never measured twice.
    """
    digest = snapshots.digest(params)
    directory = self.work.path / 'evaluations' / digest[:16]
    measured, tokens = {}, 0
    with self.work.phase(self.index, name):
      for set_name, problem_set in self.lab.sets.items():
        measured[set_name], decoded = morning_lib.evaluate(
            params, problem_set,
            tokenizer=self.lab.tokenizer,
            verifiers=self.lab.verifiers,
            directory=directory,
            wave=self.cfg.evaluation.wave,
            # One key for all nights: what differs is the weights alone.
            key=jax.random.key(self.cfg.seed),
            label=name,
            deadline_seconds=self._deadline,
        )
        tokens += decoded
    self._note(name, tokens=tokens, verifications=_count(measured))
    for set_name, result in measured.items():
      logging.info(
          '%s %s: %s', name, set_name,
          ', '.join(
              f'{s} {pass_at_k.mean(result, s):.3f}' for s in result.settings
          ),
      )
    return measured

  def _note(self, phase: str, **values: Any) -> None:
    """Keeps counts of a phase for the report."""
    path = self.directory / 'counts.json'

    def add():
      counts = json.loads(path.read_text()) if path.exists() else {}
      durable.write_json(path, {**counts, phase: values})

    agreement.by_first(add)

  def wake(self) -> list[Record]:
    """Answers the day's problems with the frozen weights."""
    options = wake.Options(**self.cfg.wake)
    log = self._log('wake')
    with self.work.phase(self.index, 'wake'):
      if not self._done('wake'):
        wake.run(
            self.params,
            self.day,
            decoder=self.lab.decoder,
            tokenizer=self.lab.tokenizer,
            verifiers=self.lab.verifiers,
            log=log,
            options=options,
            key=jax.random.fold_in(self._key, 0),
            weights_digest=self.weights,
            night=self.index,
            read_wave=log.read_wave,
            on_wave=self._on_wave,
            deadline_seconds=self._deadline,
        )
      records = log.read()
      self._lineage['wake_log'] = log.content_digest()
      self._check_unchanged()
      if not self._done('wake'):
        self._record('wake', {'night': np.int32(self.index)}, self.weights)
    self._note('wake', **_counts(records))
    return records

  def _on_wave(self, wave: int, records: Sequence[Record]) -> None:
    passed = sum(map(outcomes.passed, records))
    self._write_metrics(
        'wake', wave,
        {'samples': len(records), 'verified': passed / len(records)},
    )

  def _check_unchanged(self) -> None:
    """Invariant: nothing but consolidation changes the weights."""
    if snapshots.digest(self.params) != self.weights:
      raise options_lib.NightError(
          'the base weights changed outside consolidation; this is a bug'
      )

  def rem(self, wake_log: Sequence[Record]) -> list[Record]:
    """Trains the dreamer and collects its dreams."""
    options = options_lib.rem_options(self.cfg.rem)
    log = self._log('rem')
    with self.work.phase(self.index, 'rem'):
      if not self._done('rem'):
        partial = snapshots.Snapshots(
            self.directory / 'rem' / 'partial', keep_last=1
        )
        dreamer = rem.run(
            self.params,
            self.day,
            wake_log,
            config=self.lab.config,
            decoder=self.lab.decoder,
            tokenizer=self.lab.tokenizer,
            verifiers=self.lab.verifiers,
            log=log,
            read_wave=log.read_wave,
            options=options,
            mesh=self.lab.mesh,
            rules=self.lab.rules,
            key=jax.random.fold_in(self._key, 1),
            seed=self.cfg.seed,
            night=self.index,
            digest=snapshots.digest,
            restore=partial.restore_latest,
            save=lambda state, done: partial.save_async(done, state, {}),
            on_round=self._on_round,
            deadline_seconds=self._deadline,
        )
        partial.wait()
      records = log.read()
      self._lineage['dream_buffer'] = log.content_digest()
      self._check_unchanged()
      if not self._done('rem'):
        self._record('rem', dreamer, self.weights)
    self._note('rem', **_counts(records))
    return records

  def _on_round(self, index, records, metrics) -> None:
    passed = list(filter(outcomes.passed, records))
    self._write_metrics('rem', index, {
        **metrics,
        'dreams': len(records),
        'verified': len(passed) / len(records),
        'tokens': sum(len(entry['tokens']) for entry in records),
        'temperature': float(np.mean([e['temperature'] for e in records])),
    })

  def audit(
      self, wake_log: Sequence[Record], dream_log: Sequence[Record]
  ) -> None:
    """Stops the night if anything evaluated reached what is trained on."""
    agreement.by_first(lambda: durable.write_json(
        self.directory / 'contamination.json',
        audit_lib.audit(self.lab, (*wake_log, *dream_log)),
    ))

  def memories(
      self, wake_log: Sequence[Record], dream_log: Sequence[Record]
  ) -> list[consolidate.Memory]:
    """Chooses x+ and x- of the night."""
    cfg = self.cfg.consolidate
    return consolidate.choose(
        self._problems, (*wake_log, *dream_log),
        positives=cfg.positives, negatives=cfg.negatives, weak=cfg.weak,
    )

  def _slept_on(
      self, wake_log: Sequence[Record], dream_log: Sequence[Record]
  ) -> list[consolidate.Memory]:
    """Memories of the night, or of all nights if it begins from the base."""
    older = []
    if self.cfg.consolidate_from == 'base':
      for night in range(self.index):
        older += self._log('wake', night).read()
        older += self._log('rem', night).read()
    return self.memories([*older, *wake_log], dream_log)

  def consolidate(
      self, wake_log: Sequence[Record], dream_log: Sequence[Record]
  ) -> Any:
    """Trains all parameters on what is slept on; returns W'."""
    cfg = self.cfg.consolidate
    start = self.params
    if self.cfg.consolidate_from == 'base':
      start = self.lab.params
      self._lineage['trained_from'] = snapshots.digest(start)
    target = {'params': self.params}
    with self.work.phase(self.index, 'consolidate'):
      step = history.snapshot_step(self.index, 'consolidate')
      if self._done('consolidate'):
        return self.work.snapshots.restore(step, target)['params']
      options = options_lib.consolidate_options(cfg)
      memories = self._slept_on(wake_log, dream_log)
      if not any(memory.sign > 0 for memory in memories):
        raise options_lib.NightError(
            'the night has no verified trajectory to consolidate; give wake'
            ' and rem more samples, or easier problems'
            + _WEAK * any(e['verdict']['weak'] for e in wake_log)
        )
      anchors = anchors_lib.update(
          self.work, self.lab, self.params, self.weights,
          list(filter(outcomes.passed, wake_log)),
          [
              entry
              for name, group in
              outcomes.verified_by_problem(dream_log).items()
              for entry in
              consolidate.distinct_programs(self._problems[name], group)
          ],
          night=self.index, cfg=cfg, seed=self.cfg.seed,
      )
      devices = self.lab.mesh.shape['data'] * self.lab.mesh.shape['fsdp']
      steps = consolidate.plan(
          memories, anchors, options, row_multiple=devices,
          seed=self.cfg.seed + self.index,
      )
      self._note(
          'consolidate',
          steps=len(steps),
          positives=sum(memory.sign > 0 for memory in memories),
          negatives=sum(memory.sign < 0 for memory in memories),
          anchors=len(anchors),
          problems=len({memory.problem for memory in memories}),
          tokens=sum(int((s.packed.group > 0).sum()) for s in steps),
          targets=sum(int(s.packed.target_mask.sum()) for s in steps),
          padding=1.0 - sum(int((s.packed.group > 0).sum()) for s in steps)
          / sum(s.packed.group.size for s in steps),
      )
      partial = snapshots.Snapshots(
          self.directory / 'consolidate' / 'partial', keep_last=1
      )
      with termination.deferred(), tqdm.tqdm(
          total=len(steps), desc='consolidate', unit='step', disable=None
      ) as bar:

        def on_step(step, values):
          self._write_metrics('consolidate', step, values)
          bar.update(step + 1 - bar.n)

        def save(state):
          partial.save_async(int(state.step), state, {})
          # Together: who left alone would have the others aborted.
          if any(agreement.exchange(termination.requested())):
            partial.wait()
            termination.leave()

        params = consolidate.run(
            start, self.lab.config, steps, options,
            mesh=self.lab.mesh,
            rules=self.lab.rules,
            param_shardings=self.lab.param_shardings,
            seed=self.cfg.seed,
            restore=lambda state: (
                partial.restore_latest(state) or (None,)
            )[0],
            save=save,
            should_save=lambda done: (
                done % cfg.save_every == 0
                # A signal reaches each process at another step.
                or termination.requested() and jax.process_count() == 1
            ),
            on_step=on_step,
            anchors=anchors,
        )
        partial.wait()
        after = snapshots.digest(params)
        self._record('consolidate', {'params': params}, after)
    return params

  def judge(
      self,
      dusk: Mapping[str, results.SetResults],
      morning: Mapping[str, results.SetResults],
      tuned: Any,
  ) -> Any:
    """Applies the criterion; returns the weights that the next night has."""
    with self.work.phase(self.index, 'judge'):
      after = snapshots.digest(tuned)
      path = self.directory / 'morning' / 'judgement.json'
      if not agreement.by_first(path.exists):
        measured = {
            'dusk': {k: r.to_json() for k, r in dusk.items()},
            'morning': {k: r.to_json() for k, r in morning.items()},
        }
        agreement.by_first(lambda: durable.write_json(
            self.directory / 'morning' / 'results.json', measured
        ))
        wake_log = self._log('wake').read()
        dream_log = self._log('rem').read()
        beside = measurements.beside(
            self.cfg, self.lab, self.params, tuned,
            self._slept_on(wake_log, dream_log), wake_log,
        )
        decision, differences = morning_lib.judge(
            self.criterion, dusk, morning,
            beside['drift']['code']['kl']['mean'],
        )
        if self.cfg.adopt == 'always':
          decision['reasons'].append(_CARRIED_ON)
        judgement = {
            'gate': decision,
            'differences': {k: d.to_json() for k, d in differences.items()},
            'weights': {'dusk': self.weights, 'morning': after},
            **beside,
        }
        agreement.by_first(lambda: durable.write_json(path, judgement))
      gate = json.loads(agreement.by_first(path.read_text))['gate']
      outcome = 'adopted' if gate['adopted'] else 'rejected'
      if outcome == 'rejected' and self.cfg.adopt == 'always':
        outcome = 'carried'
      if not self._done('morning'):
        self._record(
            'morning', {'night': np.int32(self.index)}, after, gate=outcome,
            reasons=gate['reasons'],
        )
    return tuned if outcome in history.CARRIED else self.params

  def report(self, command: str) -> None:
    """Writes report.json, report.md, report.html and the figures."""

    def write():
      self._metrics.close()
      report_lib.write(self, command)

    agreement.by_first(write)
    pages.show(self.work.night(self.index))


def _count(measured: Mapping[str, results.SetResults]) -> int:
  return sum(
      int(passed.size) for result in measured.values()
      for passed in result.passed.values()
  )


def _counts(records: Sequence[Record]) -> dict[str, int]:
  return {
      'tokens': sum(len(entry['tokens']) for entry in records),
      'verifications': len(records),
  }
