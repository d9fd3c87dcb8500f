"""What every problem source must keep to, whoever wrote it."""

import functools

from absl.testing import absltest
from absl.testing import parameterized

from swm_jax.evaluation import contamination
from swm_jax.models import pretrained
from swm_jax.tasks import base
from swm_jax.tasks import domains

_MAX_PROMPT = 256  # tokens; what a packed row of the default night has room for


@functools.cache
def _tokenizer():
  return pretrained.load(None)[2]


@functools.cache
def _suite(name):
  return domains.load(name).suite(0)


class SourceTest(parameterized.TestCase):

  @parameterized.named_parameters(*((n, n) for n in domains.NAMES))
  def test_problems_are_well_formed(self, name):
    source, problems = domains.load(name), _suite(name)
    self.assertEqual(source.name, name)
    ids = [problem.id for problem in problems]
    self.assertLen(set(ids), len(ids))
    for problem in problems:
      with self.subTest(problem.id):
        self.assertEqual(problem.domain, source.verifier)
        self.assertStartsWith(problem.id, f'{problem.type}/{problem.template}/')
        # Newline and indentation are one token, and it is the completion's.
        self.assertNotEqual(problem.prompt[-1], '\n')
        self.assertIn(problem.question, problem.prompt)

  @parameterized.named_parameters(*((n, n) for n in domains.NAMES))
  def test_prompts_fit_and_references_continue_them(self, name):
    for problem in _suite(name)[::7]:
      with self.subTest(problem.id):
        self.assertLessEqual(
            len(_tokenizer().encode(problem.prompt)), _MAX_PROMPT
        )
        last_line = problem.prompt.splitlines()[-1]
        if problem.reference and not last_line.startswith('```'):
          self.assertIn(last_line, problem.reference)

  @parameterized.named_parameters(*((n, n) for n in domains.NAMES))
  def test_a_reference_is_what_its_completion_makes(self, name):
    for problem in _suite(name):
      if problem.reference:
        with self.subTest(problem.id):
          completion = problem.reference_completion
          self.assertNotEmpty(completion.strip())
          self.assertEndsWith(
              problem.program(completion).rstrip(), problem.reference.rstrip()
          )

  @parameterized.named_parameters(*((n, n) for n in domains.NAMES))
  def test_the_suite_depends_on_its_seed_alone(self, name):
    self.assertEqual(domains.load(name).suite(0), _suite(name))

  @parameterized.named_parameters(*((n, n) for n in domains.NAMES))
  def test_no_held_out_problem_is_asked_by_day(self, name):
    source = domains.load(name)
    for seed in range(2):
      split = source.split(seed)
      for side in (base.DAY, base.HELD_OUT):
        self.assertGreaterEqual(len(split[side]), 20, side)
      outcome = contamination.audit(
          map(contamination.from_problem, split[base.DAY]),
          map(
              contamination.from_problem,
              split[base.HELD_OUT] + split[base.UNRELATED],
          ),
      )
      self.assertEqual(outcome['hits'], 0)


class LoadTest(absltest.TestCase):

  def test_an_unknown_domain_is_one_sentence(self):
    with self.assertRaisesRegex(ValueError, "tasks.domain='go'.*python_func"):
      domains.load('go')

  def test_an_unknown_type_is_one_sentence(self):
    with self.assertRaisesRegex(ValueError, r"unknown types \['juggling'\]"):
      domains.load('python_functions').split(0, ['juggling'])


if __name__ == '__main__':
  absltest.main()
