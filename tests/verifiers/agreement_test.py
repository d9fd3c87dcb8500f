"""Tests of normal forms of answers and of their clusters, by hand."""

import math

from absl.testing import absltest
from absl.testing import parameterized
import hypothesis
from hypothesis import strategies as st

from swm_jax.verifiers import agreement


class NormalFormTest(parameterized.TestCase):

  @parameterized.parameters(
      ('Paris', 'paris'),
      ('  The  Eiffel Tower. ', 'eiffel tower'),
      ('It is an APPLE!', 'it is apple'),
      ('ﬁsh', 'fish'),  # A ligature.
      ('ＰＡＲＩＳ', 'paris'),
      ('Straße', 'strasse'),
      ('cafe\u0301', 'caf\xe9'),
      ('seven', '7'),
      ('7.0', '7'),
      ('07', '7'),
      ('.50', '0.5'),
      ('1,000', '1000'),
      ('1,000,000 people', '1000000 people'),
      ('-5', '-5'),
      ('\u22125', '-5'),
      ('-0', '0'),
      ('3-5', '3 5'),
      ('2, 4, 6', '2 4 6'),
      ('A', 'a'),  # The letter.
      ('Answer: Paris', 'paris'),
      ('Let me think.\nFinal answer : Paris\nSurely.', 'paris'),
      ('Answer: Rome\nAnswer: Paris', 'paris'),
      ('Answer:\n\n Paris', 'paris'),
      ('Paris\nRome', 'paris'),
  )
  def test_what_says_the_same_is_written_the_same(self, text, form):
    self.assertEqual(agreement.normal_form(text), form)

  @parameterized.parameters(
      '', '   ', '\n\n', '...', '?!', 'the', 'an', 'The the', '_',
      'Answer:', 'Answer: .', 'unknown', "I don't know.", 'I do not know',
      'N/A', 'None', 'Nothing!',
  )
  def test_what_says_nothing_is_empty(self, text):
    self.assertEqual(agreement.normal_form(text), '')

  @hypothesis.given(st.text(max_size=40))
  def test_is_its_own_normal_form(self, text):
    form = agreement.normal_form(text)
    self.assertEqual(agreement.normal_form(form), form)

  def test_signs_and_points_tell_numbers_apart(self):
    forms = map(agreement.normal_form, ('5', '-5', '0.5', '50', '5.05'))
    self.assertLen(set(forms), 5)


class ClusteringTest(parameterized.TestCase):

  @parameterized.parameters(
      ('a b', 'a b', 1.0),
      ('a b', 'b a', 1.0),
      ('a', 'b', 0.0),
      ('', 'b', 0.0),
      ('', '', 0.0),
      # 1 shared of 1 and 2: precision 1, recall 1/2.
      ('new', 'new york', 2 / 3),
      # A repeated word is shared as often as both have it: 2 of 3 and 2.
      ('no no no', 'no no', 0.8),
      ('a[1]', 'a[2]', 0.75),
      ('a[-1]', 'a[1]', 0.75),
  )
  def test_token_f1(self, first, second, value):
    self.assertAlmostEqual(agreement.token_f1(first, second), value)
    self.assertAlmostEqual(agreement.token_f1(second, first), value)

  def test_overlap_reaches_the_threshold(self):
    for overlap, same in ((1.0, False), (0.7, False), (2 / 3, True)):
      clustering = agreement.Clustering(overlap=overlap)
      self.assertEqual(clustering.same('new', 'new york'), same)
      self.assertFalse(clustering.same('', ''))

  def test_score_counts_the_empty_ones_against(self):
    clustering = agreement.Clustering()
    self.assertEqual(clustering.score('x', ['x', 'y', '', 'x']), 0.5)
    self.assertEqual(clustering.score('', ['', '', 'x']), 0.0)

  def test_entropy_of_a_half_and_two_quarters(self):
    # 1/2 log 2 + 2 * 1/4 log 4 = 3/2 log 2.
    forms = ['x', 'y', '', 'x', 'z']
    clustering = agreement.Clustering()
    self.assertEqual(clustering.clusters(forms), [['x', 'x'], ['y'], ['z']])
    self.assertAlmostEqual(clustering.entropy(forms), 1.5 * math.log(2))
    self.assertEqual(clustering.entropy(['x', 'x']), 0.0)
    self.assertTrue(math.isnan(clustering.entropy(['', ''])))

  def test_clusters_by_overlap_with_the_first(self):
    clustering = agreement.Clustering(overlap=0.6)
    self.assertEqual(
        clustering.clusters(['new york', 'york', 'rome', 'new']),
        [['new york', 'york', 'new'], ['rome']],
    )

  @parameterized.parameters(0.0, 1.5, -0.1)
  def test_overlap_must_be_a_share(self, overlap):
    with self.assertRaisesRegex(ValueError, 'overlap'):
      agreement.Clustering(overlap=overlap)


if __name__ == '__main__':
  absltest.main()
