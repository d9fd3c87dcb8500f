"""Agreement with members whose answers are known, and with a tiny model."""

import math

from absl.testing import absltest
from absl.testing import parameterized
import hypothesis
from hypothesis import strategies as st
import jax

from swm_jax import tokenization
from swm_jax import types
from swm_jax.models import transformer
from swm_jax.samplers import decode
from swm_jax.samplers import members
from swm_jax.samplers import rollout
from swm_jax.samplers import stopping
from swm_jax.verifiers import agreement
from swm_jax.verifiers import base
from swm_jax.verifiers import ensemble

_BEGIN = 'Answer:'


def _problem(name='capital', begin=_BEGIN):
  prompt = f'Question: {name}?\n```text\n{begin}'
  return types.Problem(
      f'open/{name}/0', 'open', name, prompt, domain='ensemble'
  )


class Says:
  """Answers what it was given, and remembers what it was asked."""

  def __init__(self, *answers, name='m', digest='d'):
    self.name = name
    self.digest = digest
    self.given = answers
    self.asked = []

  def answers(self, problems):
    self.asked.append([problem.id for problem in problems])
    return [
        [f'{_BEGIN} {answer}\n' for answer in self.given] for _ in problems
    ]


class Fails:
  """Raises, or returns something that is not answers, until told not to."""

  name = 'broken'
  digest = 'd'

  def __init__(self, result):
    self.result = result

  def answers(self, problems):
    del problems
    if isinstance(self.result, Exception):
      raise self.result
    return self.result


class EnsembleVerifierTest(parameterized.TestCase):

  def _check(self, verdict, status, reason, score):
    self.assertEqual((verdict.status, verdict.reason), (status, reason))
    self.assertEqual(verdict.score, score)
    self.assertTrue(verdict.weak)
    self.assertEqual(verdict.isolation, 'none')
    self.assertEqual(verdict.verifier, 'ensemble')
    self.assertIn(reason, base.REASONS[status])

  @parameterized.parameters(
      ('Paris', 'pass', 'passed', 0.6),
      ('the PARIS.', 'pass', 'passed', 0.6),
      ('Rome', 'fail', 'wrong_answer', 0.2),
      ('Oslo', 'fail', 'wrong_answer', 0.0),
      ('Paris and Rome', 'fail', 'wrong_answer', 0.0),
      ('', 'fail', 'refused', 0.0),
      (' .', 'fail', 'refused', 0.0),
      ('I do not know', 'fail', 'refused', 0.0),
  )
  def test_score_is_the_share_of_all_answers(self, text, status, reason, score):
    # 3 of 5 say Paris: 2 of the first member, 1 of the second.
    verifier = ensemble.EnsembleVerifier([
        Says('Paris', 'Paris', 'Rome', name='first'),
        Says('paris', '', name='second'),
    ])
    with verifier.pool(2) as pool:
      verdict = pool.verify(_problem(), f'{_BEGIN} {text}\n')
    self._check(verdict, status, reason, score)
    self.assertEqual(verdict.version, verifier.version)

  def test_threshold_is_reached_from_above(self):
    for threshold, passes in ((0.5, True), (0.51, False)):
      verifier = ensemble.EnsembleVerifier(
          [Says('Paris', 'Rome')], threshold=threshold
      )
      verdict = verifier.judge(_problem(), 'Answer: Paris')
      self.assertEqual(verdict.passed, passes)

  @parameterized.parameters('', '...', 'I do not know', 'the')
  def test_agreeing_on_nothing_does_not_pay(self, nothing):
    verifier = ensemble.EnsembleVerifier([Says(nothing, nothing)])
    for candidate in (nothing, 'Paris'):
      verdict = verifier.judge(_problem(), f'{_BEGIN} {candidate}\n')
      self.assertEqual((verdict.passed, verdict.score), (False, 0.0))
      self.assertTrue(verdict.weak)
    self.assertTrue(math.isnan(verifier.semantic_entropy(_problem())))

  def test_the_prompts_own_words_are_no_answer(self):
    # All answers begin with what the prompt gave; two add nothing to it.
    begin = 'Answer: practice makes'
    problem = _problem(begin=begin)

    class Completes(Says):

      def answers(self, problems):
        return [[begin + text for text in self.given] for _ in problems]

    verifier = ensemble.EnsembleVerifier(
        [Completes(' perfect', '', '\n', ' perfect')]
    )
    self.assertEqual(
        verifier.forms(problem), ('perfect', '', '', 'perfect')
    )
    self._check(verifier.judge(problem, begin), 'fail', 'refused', 0.0)
    self._check(
        verifier.judge(problem, begin + ' perfect.\n'), 'pass', 'passed', 0.5
    )

  def test_too_long_a_candidate_is_refused(self):
    verifier = ensemble.EnsembleVerifier([Says('x')])
    verdict = verifier.judge(_problem(), 'x ' * ensemble.MAX_CHARACTERS)
    self._check(verdict, 'fail', 'output', 0.0)

  def test_each_problem_is_asked_once(self):
    member = Says('Paris', 'Rome')
    verifier = ensemble.EnsembleVerifier([member])
    problems = [_problem(name) for name in 'abc']
    verifier.prepare(problems[:2])
    pairs = [(p, f'Answer: {i}') for p in problems for i in range(20)]
    with verifier.pool(4) as pool:
      verdicts = dict(pool.verify_batch(pairs))
    self.assertLen(verdicts, 60)
    self.assertTrue(all(verdict.weak for verdict in verdicts.values()))
    self.assertEqual(
        member.asked, [['open/a/0', 'open/b/0'], ['open/c/0']]
    )
    # The same id with other words is another problem.
    verifier.prepare([_problem('a', 'Answer: It is')])
    self.assertLen(member.asked, 3)

  @parameterized.named_parameters(
      ('raises', RuntimeError('out of memory')),
      ('too_few', []),
      ('too_many', [['x'], ['y']]),
      ('text', ['Paris']),
      ('no_answer', [[]]),
      ('not_text', [[1]]),
      ('nothing', None),
      ('numbers', [3]),
  )
  def test_a_members_failure_is_an_error(self, result):
    broken = Fails(result)
    verifier = ensemble.EnsembleVerifier([Says('x'), broken])
    with verifier.pool(1) as pool:
      verdict = pool.verify(_problem(), 'Answer: x')
      self._check_error(verdict)
      # It is not remembered: the model may be well again.
      broken.result = [['Answer: x']]
      self._check(
          pool.verify(_problem(), 'Answer: x'), 'pass', 'passed', 1.0
      )

  def _check_error(self, verdict):
    self.assertEqual((verdict.status, verdict.reason), ('error', 'worker_died'))
    self.assertIn('broken', verdict.detail)
    self.assertTrue(verdict.weak)
    self.assertTrue(math.isnan(verdict.score))

  @hypothesis.given(
      st.lists(st.sampled_from(['x', 'y', 'x y', '']), min_size=1, max_size=6),
      st.randoms(use_true_random=False),
      st.sampled_from([0.5, 2 / 3, 1.0]),
  )
  def test_order_of_answers_does_not_matter(self, answers, random, overlap):
    scores = []
    for _ in range(2):
      verifier = ensemble.EnsembleVerifier(
          [Says(*answers)], clustering=agreement.Clustering(overlap=overlap)
      )
      scores.append([
          verifier.score(_problem(), text) for text in ('x', 'y x', 'z', '')
      ])
      random.shuffle(answers)
    self.assertEqual(*scores)
    self.assertEqual(scores[0][2:], [0.0, 0.0])

  def test_version_tells_what_decides(self):
    def version(digest='d', **kwargs):
      return ensemble.EnsembleVerifier(
          [Says('x', digest=digest)], **kwargs
      ).version

    versions = [
        version(),
        version(digest='e'),
        version(threshold=0.6),
        version(clustering=agreement.Clustering(overlap=0.8)),
    ]
    self.assertLen(set(versions), 4)
    self.assertEqual(version(), versions[0])

  def test_constructor_refuses_what_cannot_judge(self):
    with self.assertRaisesRegex(ValueError, 'distinct names'):
      ensemble.EnsembleVerifier([])
    with self.assertRaisesRegex(ValueError, 'distinct names'):
      ensemble.EnsembleVerifier([Says('x'), Says('y')])
    for threshold in (0.0, 1.1, math.nan):
      with self.assertRaisesRegex(ValueError, 'threshold'):
        ensemble.EnsembleVerifier([Says('x')], threshold=threshold)


class WithModelTest(absltest.TestCase):

  def test_score_is_the_share_of_a_models_own_draws(self):
    tokenizer = tokenization.byte_tokenizer()
    config = transformer.TransformerConfig(
        vocab_size=258, num_layers=1, width=16, mlp_width=16, num_heads=2,
        num_kv_heads=1, head_dim=8,
    )
    params = jax.jit(transformer.init_params, static_argnums=0)(
        config, jax.random.key(0)
    )
    table = stopping.build_stop_table(
        tokenizer, stop_tokens=[tokenizer.eos_id]
    )
    # One of twelve bytes an answer: draws agree now and then.
    decoder = decode.Decoder(
        config, table,
        decode.DecodeConfig(slots=4, max_prompt=64, max_new_tokens=1, top_k=12),
        tokenizer.pad_id,
    )
    # Most bytes say nothing as plain text, so they are compared as they are.
    as_bytes = agreement.Clustering(
        'bytes', lambda problem, text: repr(agreement.added(problem, text))
    )
    verifier = ensemble.EnsembleVerifier(
        members.samples(
            decoder, tokenizer, params, weights_digest='w',
            key=jax.random.key(1), draws=12,
        ),
        clustering=as_bytes, threshold=0.25,
    )
    problems = [_problem(name) for name in 'ab']
    with verifier.pool(1) as pool:
      _, samples = rollout.rollout(
          decoder, params, tokenizer, problems, pool,
          plan=((0.8, 6),), key=jax.random.key(2),
      )
    for sample in samples:
      forms = verifier.forms(sample.problem)
      self.assertLen(forms, 12)
      count = forms.count(repr(sample.text + '\n'))
      self.assertEqual(sample.verdict.score, count / 12)
      self.assertEqual(sample.verdict.passed, count >= 3)
      self.assertTrue(sample.verdict.weak)
    self.assertGreater(max(s.verdict.score for s in samples), 0.0)
    self.assertLess(min(s.verdict.score for s in samples), 1.0)


if __name__ == '__main__':
  absltest.main()
