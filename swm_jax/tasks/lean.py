"""Theorems to prove in Lean 4: logic, arithmetic, booleans, lists, witnesses.

The same kinds of theorems as `tasks/coq.py`, of the core library alone. The
reference proofs are written from the documentation of Lean; no toolchain was at
hand to run them, so the test that verifies each of them runs only where `lean`
exists.
"""

from collections.abc import Mapping

from swm_jax import types
from swm_jax.tasks import theorems

NAME = 'lean'
DOMAIN = 'lean'
STOP_STRINGS = ('```',)

_LANGUAGE = theorems.Language(
    domain=DOMAIN,
    fence='lean',
    prover='Lean 4',
    header='theorem {name} : {statement} := by',
    # Many of the plain names are taken by the core library.
    entry_point='my_{name}',
)
_T = theorems.Theorem
_TWO_LETTERS = (
    {'p': 'P', 'q': 'Q'}, {'p': 'A', 'q': 'B'}, {'p': 'X', 'q': 'Y'}
)
_THREE_LETTERS = (
    {'p': 'P', 'q': 'Q', 'r': 'R'}, {'p': 'A', 'q': 'B', 'r': 'C'}
)


def _logic() -> list[theorems.Theorem]:
  def two(name, family, statement, term):
    return _T(name, family, '∀ {p} {q} : Prop, ' + statement,
              '  intro {p} {q}\n  exact ' + term, _TWO_LETTERS)

  def three(name, family, statement, term):
    return _T(name, family, '∀ {p} {q} {r} : Prop, ' + statement,
              '  intro {p} {q} {r}\n  exact ' + term, _THREE_LETTERS)

  return [
      two('modus_ponens', 'apply', '{p} → ({p} → {q}) → {q}',
          'fun h f => f h'),
      two('and_swap', 'swap', '{p} ∧ {q} → {q} ∧ {p}',
          'fun h => ⟨h.2, h.1⟩'),
      two('or_swap', 'swap', '{p} ∨ {q} → {q} ∨ {p}',
          'fun h => h.elim Or.inr Or.inl'),
      two('and_first', 'project', '{p} ∧ {q} → {p}', 'fun h => h.1'),
      two('and_second', 'project', '{p} ∧ {q} → {q}', 'fun h => h.2'),
      two('or_first', 'inject', '{p} → {p} ∨ {q}', 'fun h => Or.inl h'),
      two('or_second', 'inject', '{q} → {p} ∨ {q}', 'fun h => Or.inr h'),
      two('pair_up', 'pair', '{p} → {q} → {p} ∧ {q}', 'fun h k => ⟨h, k⟩'),
      two('from_contradiction', 'absurd', '{p} → ¬ {p} → {q}',
          'fun h n => absurd h n'),
      two('contraposition', 'contrapose', '({p} → {q}) → ¬ {q} → ¬ {p}',
          'fun f n h => n (f h)'),
      two('not_or', 'de_morgan', '¬ ({p} ∨ {q}) → ¬ {p} ∧ ¬ {q}',
          'fun n => ⟨fun h => n (Or.inl h), fun h => n (Or.inr h)⟩'),
      two('or_not', 'resolve', '{p} ∨ {q} → ¬ {p} → {q}',
          'fun h n => h.elim (fun k => absurd k n) id'),
      two('iff_forward', 'iff', '({p} ↔ {q}) → {p} → {q}',
          'fun h k => h.mp k'),
      two('iff_symmetric', 'iff_swap', '({p} ↔ {q}) → ({q} ↔ {p})',
          'fun h => h.symm'),
      three('chain', 'compose', '({p} → {q}) → ({q} → {r}) → {p} → {r}',
            'fun f g h => g (f h)'),
      three('curry', 'curry', '({p} ∧ {q} → {r}) → {p} → {q} → {r}',
            'fun f h k => f ⟨h, k⟩'),
      three('uncurry', 'curry', '({p} → {q} → {r}) → {p} ∧ {q} → {r}',
            'fun f h => f h.1 h.2'),
      three('by_cases', 'cases',
            '({p} → {r}) → ({q} → {r}) → {p} ∨ {q} → {r}',
            'fun f g h => h.elim f g'),
      three('and_regroup', 'regroup',
            '({p} ∧ {q}) ∧ {r} → {p} ∧ ({q} ∧ {r})',
            'fun h => ⟨h.1.1, h.1.2, h.2⟩'),
      three('and_over_or', 'distribute',
            '{p} ∧ ({q} ∨ {r}) → ({p} ∧ {q}) ∨ ({p} ∧ {r})',
            'fun h => h.2.elim (fun k => Or.inl ⟨h.1, k⟩)'
            ' (fun k => Or.inr ⟨h.1, k⟩)'),
  ]


def _witness() -> list[theorems.Theorem]:
  def find(name, family, body, *choices):
    """`choices`: (witness, first constant, second constant)."""
    return _T(
        name, family, '∃ n : Nat, ' + body, '  exact ⟨{n}, rfl⟩',
        tuple({'n': n, 'a': a, 'b': b} for n, a, b in choices),
    )

  return [
      find('add_right', 'add', 'n + {a} = {b}', (3, 2, 5), (4, 3, 7)),
      find('add_left', 'add', '{a} + n = {b}', (2, 4, 6), (5, 3, 8)),
      find('multiply', 'times', '{a} * n = {b}', (3, 2, 6), (2, 5, 10)),
      find('double', 'double', 'n + n = {b}', (2, 0, 4), (4, 0, 8)),
      find('square', 'square', 'n * n = {b}', (2, 0, 4), (3, 0, 9)),
      find('successor', 'successor', 'n + 1 = {b}', (3, 0, 4), (6, 0, 7)),
      find('two_successors', 'successor', 'n + 1 + 1 = {b}', (1, 0, 3),
           (3, 0, 5)),
      find('take_away', 'minus', 'n - {a} = {b}', (5, 2, 3), (7, 3, 4)),
      find('taken_from', 'minus', '{a} - n = {b}', (1, 4, 3), (2, 6, 4)),
      find('before', 'pred', 'Nat.pred n = {b}', (4, 0, 3), (6, 0, 5)),
      find('value', 'value', 'n = {b}', (7, 0, 7), (3, 0, 3), (9, 0, 9)),
      find('sum', 'evaluate', 'n = {a} + {b}', (5, 2, 3), (6, 4, 2)),
      find('product', 'evaluate_times', 'n = {a} * {b}', (6, 2, 3), (4, 4, 1)),
      find('linear', 'linear', '{a} * n + 1 = {b}', (2, 2, 5), (1, 3, 4)),
      find('fixed', 'fixed', 'n + n = n * n', (2, 0, 0)),
      find('not_less', 'compare', 'Nat.ble {a} n = true', (3, 3, 0), (5, 5, 0)),
      find('less', 'compare', 'Nat.ble n {a} = true', (0, 2, 0), (0, 4, 0)),
      find('half', 'half', 'n / 2 = {b}', (4, 0, 2), (6, 0, 3)),
      find('maximum', 'maximum', 'Nat.max {a} n = {b}', (5, 2, 5), (4, 1, 4)),
      find('even', 'even', 'n % 2 = 0', (2, 0, 0)),
  ]


def _bool() -> list[theorems.Theorem]:
  one_letter = ({'b': 'b'}, {'b': 'x'}, {'b': 'p'})
  two_letters = ({'b': 'b', 'c': 'c'}, {'b': 'x', 'c': 'y'})

  def one(name, family, equation):
    return _T(name, family, '∀ {b} : Bool, ' + equation,
              '  intro {b}\n  cases {b} <;> rfl', one_letter)

  def two(name, family, equation):
    return _T(name, family, '∀ {b} {c} : Bool, ' + equation,
              '  intro {b} {c}\n  cases {b} <;> cases {c} <;> rfl',
              two_letters)

  return [
      one('and_itself', 'idempotent', '({b} && {b}) = {b}'),
      one('or_itself', 'idempotent', '({b} || {b}) = {b}'),
      one('xor_itself', 'xor_itself', '({b} != {b}) = false'),
      one('and_true', 'unit', '({b} && true) = {b}'),
      one('or_false', 'unit', '({b} || false) = {b}'),
      one('and_false', 'zero', '({b} && false) = false'),
      one('or_true', 'zero', '({b} || true) = true'),
      one('and_not', 'complement', '({b} && !{b}) = false'),
      one('or_not', 'complement', '({b} || !{b}) = true'),
      one('xor_true', 'xor_constant', '({b} != true) = !{b}'),
      one('choose_itself', 'choose', '(if {b} then true else false) = {b}'),
      one('choose_equal', 'choose_equal', '(if {b} then 1 else 1) = 1'),
      two('and_swap', 'commute', '({b} && {c}) = ({c} && {b})'),
      two('or_swap', 'commute', '({b} || {c}) = ({c} || {b})'),
      two('xor_swap', 'commute_xor', '({b} != {c}) = ({c} != {b})'),
      two('not_and', 'de_morgan_bool', '(!({b} && {c})) = (!{b} || !{c})'),
      two('not_or', 'de_morgan_bool', '(!({b} || {c})) = (!{b} && !{c})'),
      two('absorb', 'absorb', '({b} && ({b} || {c})) = {b}'),
      two('and_three', 'and_three', '(({b} && {c}) && {c}) = ({b} && {c})'),
      two('xor_twice', 'xor_twice', '(({b} != {c}) != {c}) = {b}'),
  ]


def _arithmetic() -> list[theorems.Theorem]:
  letters = ({'n': 'n', 'm': 'm'}, {'n': 'a', 'm': 'b'})

  def one(name, family, statement, proof='omega'):
    return _T(name, family, '∀ {n} : Nat, ' + statement,
              '  intro {n}\n  ' + proof, letters)

  def two(name, family, statement, proof='omega'):
    return _T(name, family, '∀ {n} {m} : Nat, ' + statement,
              '  intro {n} {m}\n  ' + proof, letters)

  return [
      one('zero_add', 'zero', '0 + {n} = {n}'),
      one('add_zero', 'zero', '{n} + 0 = {n}', 'rfl'),
      one('one_add', 'one', '1 + {n} = Nat.succ {n}'),
      one('add_one', 'one', '{n} + 1 = Nat.succ {n}', 'rfl'),
      one('zero_times', 'times_zero', '0 * {n} = 0', 'exact Nat.zero_mul {n}'),
      one('times_zero', 'times_zero', '{n} * 0 = 0', 'rfl'),
      one('times_one', 'times_one', '{n} * 1 = {n}', 'exact Nat.mul_one {n}'),
      one('minus_zero', 'minus_zero', '{n} - 0 = {n}', 'rfl'),
      one('minus_itself', 'minus_itself', '{n} - {n} = 0'),
      one('pred_of_successor', 'pred', 'Nat.pred ({n} + 1) = {n}', 'rfl'),
      one('at_least_zero', 'order', '0 ≤ {n}'),
      one('below_successor', 'order', '{n} < {n} + 1'),
      one('double', 'double', '2 * {n} = {n} + {n}'),
      one('times_two', 'double', '{n} * 2 = {n} + {n}'),
      two('successor_add', 'successor_add', '{n} + 1 + {m} = {n} + {m} + 1'),
      two('add_successor', 'successor_add', '{n} + ({m} + 1) = {n} + {m} + 1',
          'rfl'),
      two('add_swap', 'commute', '{n} + {m} = {m} + {n}'),
      two('times_swap', 'commute_times', '{n} * {m} = {m} * {n}',
          'exact Nat.mul_comm {n} {m}'),
      two('add_then_subtract', 'cancel', '{n} + {m} - {m} = {n}'),
      two('successor_injective', 'injective', '{n} + 1 = {m} + 1 → {n} = {m}'),
      two('symmetric', 'symmetric', '{n} = {m} → {m} = {n}',
          'exact fun h => h.symm'),
      two('congruent', 'congruent', '{n} = {m} → {n} + 1 = {m} + 1'),
  ]


def _lists() -> list[theorems.Theorem]:
  def one(name, family, equation, proof='induction l <;> simp_all'):
    return _T(name, family, '∀ (α : Type) (l : List α), ' + equation,
              '  intro α l\n  ' + proof)

  def heads(name, family, equation, proof='rfl'):
    return _T(
        name, family, '∀ (α : Type) ({x} {y} : α) (l : List α), ' + equation,
        '  intro α {x} {y} l\n  ' + proof,
        ({'x': 'x', 'y': 'y'}, {'x': 'a', 'y': 'b'}),
    )

  return [
      one('nil_append', 'append_nil', '[] ++ l = l', 'rfl'),
      one('append_nil', 'append_nil', 'l ++ [] = l'),
      one('map_identity', 'map_identity', 'l.map (fun x => x) = l'),
      one('map_length', 'map_length',
          '(l.map (fun x => x)).length = l.length'),
      one('length_nil', 'length_nil', '(l ++ []).length = l.length'),
      one('filter_true', 'filter', 'l.filter (fun _ => true) = l'),
      one('filter_false', 'filter', 'l.filter (fun _ => false) = []'),
      one('fold_cons', 'fold', 'l.foldr List.cons [] = l'),
      one('all_true', 'all', 'l.all (fun _ => true) = true'),
      one('any_false', 'all', 'l.any (fun _ => false) = false'),
      one('skip_none', 'skip', 'l.drop 0 = l', 'simp'),
      one('take_none', 'skip', 'l.take 0 = []', 'simp'),
      one('skip_one', 'skip_one', 'l.drop 1 = l.tail', 'cases l <;> simp'),
      one('reverse_length', 'reverse_length',
          'l.reverse.length = l.length', 'simp'),
      one('reverse_twice', 'reverse_twice', 'l.reverse.reverse = l', 'simp'),
      heads('length_cons', 'length_cons', '({x} :: l).length = l.length + 1'),
      heads('length_two', 'length_pair', '[{x}, {y}].length = 2'),
      heads('head_cons', 'head', '({x} :: l).headD {y} = {x}'),
      heads('tail_cons', 'tail_cons', '({x} :: l).tail = l'),
      heads('reverse_two', 'reverse', '[{x}, {y}].reverse = [{y}, {x}]'),
      heads('reverse_one', 'reverse', '[{x}].reverse = [{x}]'),
      heads('cons_append', 'cons_append', '{x} :: l = [{x}] ++ l'),
      heads('last_of_two', 'last', '[{x}, {y}].getLastD {x} = {y}'),
  ]


_EXAMPLES = {
    'logic': (
        'theorem my_both : ∀ P Q : Prop, P ∧ P → Q → Q ∧ P := by\n'
        '  intro P Q h k\n  exact ⟨k, h.1⟩',
        'theorem my_keep : ∀ P Q : Prop, P → (Q → P) := by\n'
        '  intro P Q h k\n  exact h',
    ),
    'witness': (
        'theorem my_five : ∃ n : Nat, n * 2 = 10 := by\n  exact ⟨5, rfl⟩',
        'theorem my_three : ∃ n : Nat, 1 + n + 1 = 5 := by\n  exact ⟨3, rfl⟩',
    ),
    'bool': (
        'theorem my_not_not : ∀ b : Bool, (!(!b)) = b := by\n'
        '  intro b\n  cases b <;> rfl',
        'theorem my_and_or : ∀ x y : Bool, (x && (y || x)) = x := by\n'
        '  intro x y\n  cases x <;> cases y <;> rfl',
    ),
    'arithmetic': (
        'theorem my_add_two : ∀ n : Nat, n + 2 = n + 1 + 1 := by\n'
        '  intro n\n  rfl',
        'theorem my_two_add : ∀ n : Nat, 2 + n = n + 2 := by\n'
        '  intro n\n  omega',
    ),
    'lists': (
        'theorem my_empty : ∀ α : Type, ([] : List α).length = 0 := by\n'
        '  intro α\n  rfl',
        'theorem my_append : ∀ (α : Type) (l : List α), (l ++ []) ++ [] = l'
        ' := by\n  intro α l\n  simp',
    ),
}
_GROUPS = (
    theorems.Group('logic', _EXAMPLES['logic'], _logic()),
    theorems.Group('witness', _EXAMPLES['witness'], _witness()),
    theorems.Group('bool', _EXAMPLES['bool'], _bool()),
    theorems.Group('arithmetic', _EXAMPLES['arithmetic'], _arithmetic()),
    theorems.Group('lists', _EXAMPLES['lists'], _lists()),
)


def suite(seed: int = 0) -> list[types.Problem]:
  """Returns every problem; nothing in them is drawn, so `seed` is unused."""
  del seed
  return theorems.build(_LANGUAGE, _GROUPS)


def families() -> Mapping[tuple[str, str], str]:
  """Returns the family of every (type, template)."""
  return theorems.families(_GROUPS)
