"""Reading Metamath databases: every rule of the language, one text each."""

from absl.testing import absltest
from absl.testing import parameterized

from swm_jax.verifiers import metamath_database

_START = """
$c ( ) -> wff |- $.
$v p q r $.
wp $f wff p $.
wq $f wff q $.
wi $a wff ( p -> q ) $.
"""


class DatabaseTest(parameterized.TestCase):

  def test_frames_hold_mandatory_hypotheses_in_order(self):
    # r has its $f before that of p and q, h comes before the $f of q: the
    # frame of t is what is in its goal or in h, in the order of the text.
    database = metamath_database.Database("""
        $c |- wff -> % $.  $v p q r $.
        wr $f wff r $.
        wp $f wff p $.
        ${
          h $e |- p % r $.
          wq $f wff q $.
          $d p r $.
          $d q p $.
          t $a |- q -> r $.
          u $a |- p $.
        $}
        v $a |- p $.
    """)
    t, u, v = (database.statements[label] for label in 'tuv')
    labels = lambda s: [h.label for h in s.hypotheses]
    self.assertEqual(labels(t), ['wr', 'wp', 'h', 'wq'])
    self.assertEqual(labels(u), ['wr', 'wp', 'h'])
    self.assertEqual(labels(v), ['wp'])
    self.assertEqual(t.disjoint, (('p', 'q'), ('p', 'r')))
    self.assertEqual(u.disjoint, (('p', 'r'),))
    self.assertEqual(v.disjoint, ())
    self.assertEqual(u.all_disjoint, {('p', 'q'), ('p', 'r')})
    self.assertEqual((t.typecode, t.text), ('|-', 'q -> r '))
    self.assertEqual(t.template, '%s-> %s')
    self.assertEqual(
        database.statements['h'].template % ('p ', 'r '), 'p % r '
    )
    # Active hypotheses end with their block, before v.
    self.assertEqual(database.statements['h'].end, v.order)
    self.assertIsNone(database.statements['wp'].end)

  def test_comments_are_white_space_anywhere(self):
    database = metamath_database.Database(
        _START
        + 'a $( $[ x $] $) $a |- $( $a b $. $) p $. $( the end, no space $)'
    )
    self.assertEqual(database.statements['a'].expression, '|- p')

  def test_variable_may_return_with_the_same_type(self):
    database = metamath_database.Database(
        _START + '${ $v x $. a $f wff x $. $} ${ $v x $. b $f wff x $. $}'
    )
    self.assertIn('b', database.statements)

  def test_text_with_only_white_space_is_a_database(self):
    self.assertEmpty(metamath_database.Database(' \n\t\f\r\n').statements)

  def test_copy_grows_alone(self):
    first = metamath_database.Database(_START)
    second = first.copy()
    second.read('$c class $. $v x $. cx $f class x $. $d p x $. h $e |- p $.')
    self.assertNotIn('cx', first.statements)
    first.read('$v x $. wx $f wff x $. a $a |- x $.')  # No trace of $d and h.
    self.assertEqual(first.statements['a'].all_disjoint, frozenset())
    self.assertLen(first.statements['a'].hypotheses, 1)

  @parameterized.parameters(
      ('${ $c z $. $}', r'\$c must be in the outermost block'),
      ('$c z z $.', 'z is already declared'),
      ('$c p $.', 'p is already declared'),
      ('$c wff $.', 'wff is already declared'),
      ('${ $v z $. $} $c z $.', 'z was declared as a variable'),
      ('$c $.', 'declares nothing'),
      ('$v $.', 'declares nothing'),
      ('$v p $.', 'p is already declared'),
      ('${ $v p $. $}', 'p is already declared'),
      ('$v wff $.', 'wff is already declared'),
      ('$v wi $.', 'wi is already a label'),
      ('$c a$b $.', 'a\\$b cannot be a symbol'),
      ('p $a wff p $.', 'label p is already a symbol'),
      ('wi $a wff p $.', 'label wi is already used'),
      ('${ h $e |- p $. $} h $a wff p $.', 'label h is already used'),
      ('a! $a wff p $.', 'a! cannot be a label'),
      ('$a wff p $.', r'\$a cannot begin a statement'),
      ('a b $a wff p $.', 'after the label a comes b'),
      ('a $c z $.', r'after the label a comes \$c'),
      ('a ${ $}', r'after the label a comes \$\{'),
      ('a', 'after the label a comes the end'),
      ('a $a $.', 'must begin with a declared constant'),
      ('a $a p $.', 'must begin with a declared constant'),
      ('a $a z $.', 'must begin with a declared constant'),
      ('a $a wff z $.', 'z is not declared here'),
      ('${ $v z $. z1 $f wff z $. $} a $a wff z $.', 'z is not declared here'),
      ('a $a wff r $.', 'r has no active'),
      ('h $e wff r $.', 'r has no active'),
      ('${ wr $f wff r $. $} a $a wff r $.', 'r has no active'),
      ('${ h $e |- r $. wr $f wff r $. $}', 'r has no active'),
      ('a $f wff p q $.', 'a constant and one variable'),
      ('a $f wff $.', 'a constant and one variable'),
      ('a $f wff wff $.', 'a constant and one variable'),
      ('a $f wff z $.', 'a constant and one variable'),
      ('a $f r q $.', 'must begin with a declared constant'),
      ('a $f wff p $.', 'p already has an active'),
      ('${ a $f wff p $. $}', 'p already has an active'),
      ('${ a $f wff r $. $} ${ b $f |- r $. $}', 'r has the type wff'),
      ('$d p $.', 'two or more different variables'),
      ('$d $.', 'two or more different variables'),
      ('$d p q p $.', 'two or more different variables'),
      ('$d p -> $.', '-> is none'),
      ('$d p z $.', 'z is none'),
      ('${', 'a block is still open'),
      ('${ ${ $}', 'a block is still open'),
      ('$}', 'closes no block'),
      ('$.', r'\$\. cannot begin'),
      ('$=', r'\$= cannot begin'),
      ('a $a wff p', r'ends before \$\.'),
      ('a $a wff p $= wp $.', r'\$= comes before \$\.'),
      ('a $p wff p $.', r'\$\. comes before \$='),
      ('a $p wff p $= wp', r'ends before \$\.'),
      ('a $p wff p $= wp $= wp $.', r'\$= comes before \$\.'),
      ('a $p wff p $= wp b $a wff q $.', r'\$a comes before \$\.'),
      ('a $a wff ${ p $. $}', r'\$\{ comes before'),
      ('$[ other.mm $]', 'inclusion is not supported'),
      ('$]', 'inclusion is not supported'),
      ('$x p $.', r'\$x is no keyword'),
      ('$', 'is no keyword'),
      ('$)', 'ends no comment'),
      ('$( open', 'comment does not end'),
      ('$(', 'comment does not end'),
      ('$(glued $)', r'\$\(glued is no keyword'),
      ('$( glued$) $( x $)', r'comment holds \$\( or \$\)'),
      ('$( x $)glued $( x $)', r'comment holds \$\( or \$\)'),
      ('$( $( nested $) $)', r'comment holds \$\( or \$\)'),
      ('$( a$(b $)', r'comment holds \$\( or \$\)'),
      ('$( é $)', "'é' is not allowed"),
      ('$( \x01 $)', r"'\\x01' is not allowed"),
      ('$v a\x0bb $.', r"'\\x0b' is not allowed"),
      ('$v a\xa0b $.', 'is not allowed'),
      ('$v a\x00 $.', 'is not allowed'),
  )
  def test_breach_of_a_rule_is_an_error_with_its_line(self, text, message):
    # _START ends in a newline, so the text begins on line 7.
    with self.assertRaisesRegex(
        metamath_database.MetamathError, f'^line 7: .*{message}'
    ):
      metamath_database.Database(_START + text)

  def test_error_names_the_line_where_it_is(self):
    with self.assertRaisesRegex(ValueError, 'line 9: .*already used'):
      metamath_database.Database(
          _START + '$( a\nb $)\nwi $a wff p $.\n\n$v z $.'
      )


if __name__ == '__main__':
  absltest.main()
