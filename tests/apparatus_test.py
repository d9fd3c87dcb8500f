"""Which problems a night sees, and which it is judged on."""

from absl.testing import absltest
from absl.testing import parameterized

from experiments import apparatus
from experiments.configs import default
from swm_jax.tasks import domains


def _config(domain='python_functions', **tasks):
  cfg = default.get_config()
  # 0 takes all there are.
  cfg.tasks.update(domain=domain, day=0, held_out=0, unrelated=0, **tasks)
  return cfg


def _families(domain, problems):
  families = dict(domains.load('python_functions').families())
  families.update(domains.load(domain).families())
  return {families[p.type, p.template] for p in problems}


class ValidationTest(parameterized.TestCase):

  @parameterized.product(
      domain=('python_functions', 'cpp', 'circuits'), seed=(0, 1)
  )
  def test_tuning_and_judging_share_no_family(self, domain, seed):
    cfg = _config(domain, seed=seed)
    final = apparatus.problems(cfg)
    cfg.tasks.judge_on = 'validation'
    tuning = apparatus.problems(cfg)
    judged = _families(domain, final['held_out'] + final['unrelated'])
    seen = ('day', 'held_out', 'unrelated')
    for name in seen:
      self.assertEmpty(_families(domain, tuning[name]) & judged, name)
    day, validation, unrelated = (
        _families(domain, tuning[name]) for name in seen
    )
    self.assertEmpty(day & validation)
    self.assertEmpty((day | validation) & unrelated)
    self.assertCountEqual(tuning['day'] + tuning['held_out'], final['day'])
    share = len(tuning['held_out']) / len(final['day'])
    self.assertBetween(share, 0.28, 0.38)
    self.assertNotEmpty(tuning['unrelated'])
    self.assertEqual(tuning['humaneval'], [])

  def test_the_criterion_says_what_is_judged_on(self):
    cfg = _config()
    digest = apparatus.evaluated_digest(cfg)
    self.assertEqual(apparatus.evaluated_digest(_config()), digest)
    cfg.tasks.judge_on = 'validation'
    self.assertNotEqual(apparatus.evaluated_digest(cfg), digest)
    # How many problems a day has is no matter of what it is judged on.
    smaller = apparatus.evaluated_digest(_config(judge_on='validation'))
    cfg.tasks.day = 24
    self.assertEqual(apparatus.evaluated_digest(cfg), smaller)

  def test_an_unknown_value_is_one_sentence(self):
    with self.assertRaisesRegex(ValueError, "judge_on='test' .* validation"):
      apparatus.problems(_config(judge_on='test'))


if __name__ == '__main__':
  absltest.main()
