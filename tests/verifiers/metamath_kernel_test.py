"""The Metamath kernel: proofs worked by hand, each kind of wrong proof."""

from absl.testing import absltest
from absl.testing import parameterized

from swm_jax.verifiers import metamath_database
from swm_jax.verifiers import metamath_kernel

_SYSTEM = """
$c ( ) -> wff |- $.
$v p q r s $.
wp $f wff p $.
wq $f wff q $.
wr $f wff r $.
ws $f wff s $.
wi $a wff ( p -> q ) $.
k $a |- ( p -> ( q -> p ) ) $.
${
  mp.1 $e |- p $.
  mp.2 $e |- ( p -> q ) $.
  mp $a |- q $.
$}
${
  $d p q $.
  apart $a |- ( p -> q ) $.
$}
${
  x.1 $e |- p $.
  x $a |- ( q -> p ) $.
$}
"""


def _check(text, budget=metamath_kernel.UNBOUNDED):
  """Checks every proof of a text that goes on after `_SYSTEM`."""
  database = metamath_database.Database(_SYSTEM + text)
  return [
      metamath_kernel.verify(database, theorem, budget=budget)
      for theorem in database.theorems()
  ]


class RightProofsTest(parameterized.TestCase):

  @parameterized.named_parameters(
      ('hypothesis', 't $p wff p $= wp $.', 1),
      # Stack: p | p q | ( p -> q ).
      ('formula', 't $p wff ( p -> q ) $= wp wq wi $.', 3),
      ('axiom', 't $p |- ( r -> ( s -> r ) ) $= wr ws k $.', 3),
      # mp takes wff p, wff q, |- p, |- ( p -> q ), in this order.
      (
          'modus_ponens',
          '${ h $e |- p $. t $p |- ( q -> p ) $= '
          'wp wq wp wi h wp wq k mp $. $}',
          9,
      ),
      (
          'same_variable_replaced_by_itself_in_a_longer_formula',
          't $p |- ( ( p -> q ) -> ( q -> ( p -> q ) ) ) $= '
          'wp wq wi wq k $.',
          5,
      ),
      ('compressed', 't $p wff ( p -> q ) $= ( wi ) ABC $.', 3),
      # A step tagged: ( p -> q ) once, used twice. A=wp B=wq C=wi D=tagged.
      (
          'tagged',
          't $p wff ( ( p -> q ) -> ( p -> q ) ) $= ( wi ) ABCZDC $.',
          5,
      ),
      ('letters_in_pieces', 't $p wff ( p -> q ) $= ( wi ) A B\nC $.', 3),
      ('label_that_is_not_used', 't $p wff ( p -> q ) $= ( k wi ) ABD $.', 3),
      ('list_with_a_dummy', 't $p wff p $= ( wq ) A $.', 1),
      # UA is 21: one mandatory hypothesis, the 20th of the list.
      (
          'number_beyond_twenty',
          f't $p wff ( p -> p ) $= ( {"k " * 19}wi ) AAUA $.',
          3,
      ),
      # VT = 60, YT = 120, UUA = 121.
      (
          'number_of_three_letters',
          f't $p wff ( p -> p ) $= ( {"k " * 119}wi ) AAUUA $.',
          3,
      ),
      (
          'kept_apart',
          '${ $d r s $. t $p |- ( r -> s ) $= wr ws apart $. $}',
          3,
      ),
      (
          'kept_apart_pair_by_pair',
          '${ $d p r $. $d s p $. t $p |- ( p -> ( r -> s ) ) $= '
          'wp wr ws wi apart $. $}',
          5,
      ),
      (
          # p and q occur in the proof only; the $d on them is still active.
          'dummies_kept_apart',
          '${ $d p q $. h $e |- r $. t $p |- r $= '
          'wp wq wi wr wp wq apart wr wp wq wi h x mp $. $}',
          14,
      ),
      (
          'formula_without_variables',
          '$c T $. wt $a wff T $. t $p |- ( T -> T ) $= wt wt apart $.',
          3,
      ),
      (
          'earlier_theorem',
          'a $p |- ( p -> ( p -> p ) ) $= wp wp k $. '
          't $p |- ( q -> ( q -> q ) ) $= wq a $.',
          2,
      ),
      (
          'percent_signs_are_symbols',
          '$c % %s $. wm $a wff %s p % $. '
          't $p wff %s ( p -> %s p % ) % $= wp wp wm wi wm $.',
          5,
      ),
  )
  def test_is_accepted(self, text, steps):
    self.assertEqual(_check(text)[-1].steps, steps)

  def test_empty_formula(self):
    # The MIU system of the Metamath book: an empty wff is a wff.
    database = metamath_database.Database("""
        $c M I |- wff $.  $v x $.  wx $f wff x $.
        we $a wff $.
        wI $a wff x I $.
        ax $a |- M I $.
        ${ h $e |- M x $. double $a |- M x x $. $}
        t $p |- M I I $= we wI ax double $.
        u $p wff $= we $.
    """)
    for theorem in database.theorems():
      metamath_kernel.verify(database, theorem)

  def test_used_labels_are_told(self):
    checked = _check(
        '${ h $e |- p $. t $p |- ( q -> p ) $= ( wi k mp ) ABADCABEF $. $}'
    )[0]
    self.assertEqual(checked.labels, {'wp', 'wq', 'h', 'wi', 'k', 'mp'})

  def test_a_proof_from_outside_is_checked_against_the_statement(self):
    database = metamath_database.Database(_SYSTEM + 't $p wff p $= ? $.')
    theorem = database.statements['t']
    metamath_kernel.verify(database, theorem, 'wp')
    with self.assertRaises(metamath_kernel.ProofError):
      metamath_kernel.verify(database, theorem, 'wq')


class WrongProofsTest(parameterized.TestCase):

  @parameterized.named_parameters(
      ('empty', 't $p wff p $= $.', 'is empty'),
      ('underflow', 't $p wff ( p -> q ) $= wp wi $.',
       'step 2: wi needs 2 entries, the stack has 1'),
      ('extra_entry', 't $p wff p $= wq wp $.', 'ends with 2 entries'),
      ('nothing_but_another_formula', 't $p wff p $= wq $.',
       'proves wff q instead of wff p'),
      ('order_of_entries', 't $p wff ( p -> q ) $= wq wp wi $.',
       r'proves wff \( q -> p \) instead'),
      ('provable_is_not_well_formed', 't $p |- ( p -> q ) $= wp wq wi $.',
       r'proves wff \( p -> q \) instead of \|-'),
      ('wrong_type', '${ h $e |- p $. t $p wff ( p -> q ) $= h wq wi $. $}',
       r'step 3: wi: \|- p does not match its hypothesis wp, wff p'),
      ('wrong_essential',
       '${ h $e |- ( q -> p ) $. g $e |- p $. '
       't $p |- q $= wp wq g h mp $. $}',
       r'step 5: mp: \|- \( q -> p \) does not match its hypothesis mp.2'),
      ('essential_of_wrong_type',
       '${ g $e |- p $. t $p |- q $= wp wq g wp mp $. $}', 'mp: wff p does'),
      ('unknown_label', 't $p wff p $= nope $.', 'there is no label nope'),
      ('itself', 't $p wff p $= t $.', 't does not come before'),
      ('later', 't $p |- ( p -> p ) $= wp later $. '
       'later $a |- ( p -> p ) $.', 'later does not come before'),
      ('essential_of_another_block', 't $p |- p $= mp.1 $.',
       'mp.1 belongs to another block'),
      ('floating_of_another_block',
       '${ $v z $. wz $f wff z $. $} t $p wff p $= wz $.',
       'wz belongs to another block'),
      ('variable_of_the_same_name_in_another_block',
       '${ $v z $. a $f wff z $. $} '
       '${ $v z $. b $f wff z $. t $p wff z $= a $. $}',
       'a belongs to another block'),
      ('essential_of_a_closed_inner_block',
       '${ ${ h $e |- p $. $} t $p |- p $= h $. $}',
       'h belongs to another block'),
      ('same_variable_not_apart', 't $p |- ( p -> p ) $= wp wp apart $.',
       'keeps p and q apart, but in what stands for them both have p'),
      ('variables_not_apart', 't $p |- ( p -> q ) $= wp wq apart $.',
       'no \\$d keeps p and q apart'),
      ('one_pair_not_apart',
       '${ $d p r $. t $p |- ( p -> ( r -> s ) ) $= wp wr ws wi apart $. $}',
       'no \\$d keeps p and s apart'),
      ('apart_in_another_block_only',
       '${ $d r s $. u $a |- r $. $} t $p |- ( r -> s ) $= wr ws apart $.',
       'no \\$d keeps r and s apart'),
      ('apart_after_it_only',
       '${ t $p |- ( r -> s ) $= wr ws apart $. $d r s $. $}',
       'no \\$d keeps r and s apart'),
      ('unknown_step', 't $p wff ( p -> q ) $= wp ? wi $.', 'unknown step'),
      ('unknown_step_compressed', 't $p wff ( p -> q ) $= ( wi ) A?C $.',
       'unknown step'),
      ('unknown_label_in_list', 't $p wff p $= ( nope ) A $.', 'no label nope'),
      ('mandatory_in_list', 't $p wff p $= ( wp ) B $.', 'wp is mandatory'),
      ('mandatory_essential_in_list',
       '${ h $e |- p $. t $p |- p $= ( h ) C $. $}', 'h is mandatory'),
      ('itself_in_list', 't $p wff p $= ( t ) A $.', 't does not come before'),
      ('open_list', 't $p wff p $= ( wi A $.', 'has no \\)'),
      ('no_letters', 't $p wff p $= ( wi ) $.', 'compressed proof is empty'),
      ('small_letters', 't $p wff p $= ( wi ) a $.', 'else than A to Z'),
      ('digits', 't $p wff p $= ( wi ) A1 $.', 'else than A to Z'),
      ('number_too_large', 't $p wff p $= ( wi ) C $.', 'has the number 3'),
      ('tag_not_made_yet', 't $p wff ( p -> q ) $= ( wi ) ABCDZ $.',
       'has the number 4'),
      ('tag_first', 't $p wff p $= ( wi ) ZA $.', 'Z must follow'),
      ('tag_twice', 't $p wff ( p -> q ) $= ( wi ) ABCZZ $.', 'Z must follow'),
      ('tagged_hypothesis', 't $p wff ( p -> p ) $= ( wi ) AZCB $.',
       'Z must follow'),
      ('tagged_tag',
       't $p wff ( ( p -> q ) -> ( p -> q ) ) $= ( wi ) ABCZDZC $.',
       'Z must follow'),
      ('tag_inside_a_number', 't $p wff p $= ( wi ) AUZ $.', 'inside a number'),
      ('unfinished_number', 't $p wff p $= ( wi ) AU $.', 'inside a number'),
      ('number_without_end', f't $p wff p $= ( wi ) {"Y" * 10**4}A $.',
       'too large'),
      ('labels_after_letters', 't $p wff p $= ( ) A wp $.', 'else than A to Z'),
      ('list_not_at_the_start', 't $p wff p $= wp ( ) A $.', 'no label \\('),
      ('keyword_from_outside', 't $p wff p $= wp.$. $.', 'no label'),
  )
  def test_is_refused(self, text, message):
    with self.assertRaisesRegex(metamath_kernel.ProofError, message):
      _check(text)

  def test_error_names_theorem_and_step(self):
    with self.assertRaisesRegex(ValueError, '^t, step 4: wi needs 2 entries'):
      _check('t $p wff p $= wp wp wi wi $.')


class BudgetTest(absltest.TestCase):

  def _doubling(self, times):
    """Letters that make p, ( p -> p ), and so on, each twice the last."""
    letters = 'AAB'
    for k in range(times):
      tagged = chr(ord('C') + k)
      letters += f'Z{tagged}{tagged}B'
    return letters

  def test_steps_are_counted(self):
    text = 't $p wff ( p -> q ) $= wp wq wi $.'
    self.assertEqual(_check(text, metamath_kernel.Budget(3))[0].steps, 3)
    with self.assertRaisesRegex(metamath_kernel.BudgetExceeded, '2 steps'):
      _check(text, metamath_kernel.Budget(2))

  def test_characters_are_counted(self):
    # wi makes "( p -> q ) " of the format "( %s-> %s) ", 11 characters, and
    # of two texts of 2: 15.
    text = 't $p wff ( p -> q ) $= wp wq wi $.'
    _check(text, metamath_kernel.Budget(9, 15))
    with self.assertRaisesRegex(metamath_kernel.BudgetExceeded, '14 char'):
      _check(text, metamath_kernel.Budget(9, 14))

  def test_doubling_stops_before_it_costs_anything(self):
    # 16 doublings would make a formula of half a million characters; each is
    # paid before it is made.
    with self.assertRaises(metamath_kernel.BudgetExceeded):
      _check(
          f't $p wff p $= ( wi ) {self._doubling(16)} $.',
          metamath_kernel.Budget(characters=100_000),
      )
    with self.assertRaisesRegex(metamath_kernel.ProofError, '17 entries'):
      _check(f't $p wff p $= ( wi ) {self._doubling(16)} $.')

  def test_search_for_variables_is_paid(self):
    # apart costs 15 for its formula as wi does, and 2 + 2 + 1 to compare
    # the variables of p and q.
    text = '${ $d p q $. t $p |- ( p -> q ) $= wp wq apart $. $}'
    _check(text, metamath_kernel.Budget(9, 20))
    with self.assertRaises(metamath_kernel.BudgetExceeded):
      _check(text, metamath_kernel.Budget(9, 19))


class AxiomsTest(absltest.TestCase):

  def test_axioms_are_found_through_theorems(self):
    database = metamath_database.Database(_SYSTEM + """
        a $p |- ( p -> ( p -> p ) ) $= ( k ) AAB $.
        b $p |- ( q -> ( q -> q ) ) $= wq a $.
        open $p |- p $= ? $.
        c $p |- p $= wp open $.
    """)
    find = lambda *labels: metamath_kernel.axioms(database, labels)
    self.assertEqual(find('b'), {'k'})
    self.assertEqual(find('mp', 'wq'), {'mp'})
    self.assertEqual(find('c', 'b'), {'open', 'k'})
    self.assertEqual(find(), set())
    others = metamath_kernel.resting_on_others
    self.assertEqual(
        others(database, ('k', 'mp', 'wi', 'open')), {'apart', 'x'}
    )
    self.assertEqual(
        others(database, ('mp', 'wi', 'apart', 'x')),
        {'k', 'a', 'b', 'open', 'c'},
    )

  def test_a_long_chain_needs_no_recursion(self):
    lines = ['t0 $p |- ( p -> ( p -> p ) ) $= wp wp k $.'] + [
        f't{n} $p |- ( p -> ( p -> p ) ) $= wp t{n - 1} $.'
        for n in range(1, 3000)
    ]
    database = metamath_database.Database(_SYSTEM + '\n'.join(lines))
    self.assertEqual(metamath_kernel.axioms(database, ['t2999']), {'k'})


if __name__ == '__main__':
  absltest.main()
