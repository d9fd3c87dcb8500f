"""Tests of the packaged English text."""

from absl.testing import absltest

from swm_jax.tasks import english


class EnglishTest(absltest.TestCase):

  def test_holds_about_two_thousand_words_of_plain_ascii(self):
    text = english.text()
    self.assertBetween(len(text.split()), 1_800, 2_400)
    self.assertTrue(text.isascii())

  def test_paragraphs_are_the_text(self):
    paragraphs = english.paragraphs()
    self.assertGreater(len(paragraphs), 20)
    self.assertEqual('\n\n'.join(paragraphs), english.text())
    self.assertFalse(any('\n' in paragraph for paragraph in paragraphs))


if __name__ == '__main__':
  absltest.main()
