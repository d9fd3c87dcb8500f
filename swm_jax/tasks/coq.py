"""Theorems to prove in Coq: logic, arithmetic, booleans, lists, witnesses."""

from collections.abc import Mapping

from swm_jax import types
from swm_jax.tasks import theorems

NAME = 'coq'
DOMAIN = 'coq'
STOP_STRINGS = ('```',)

_LANGUAGE = theorems.Language(
    domain=DOMAIN,
    fence='coq',
    prover='Coq',
    header='Theorem {name} : {statement}.\nProof.',
    end='\nQed.',
)
_T = theorems.Theorem
_TWO_LETTERS = (
    {'p': 'P', 'q': 'Q'}, {'p': 'A', 'q': 'B'}, {'p': 'X', 'q': 'Y'}
)
_THREE_LETTERS = (
    {'p': 'P', 'q': 'Q', 'r': 'R'}, {'p': 'A', 'q': 'B', 'r': 'C'}
)
_TWO = 'forall {p} {q} : Prop, '
_THREE = 'forall {p} {q} {r} : Prop, '


def _logic() -> list[theorems.Theorem]:
  def two(name, family, statement, proof):
    return _T(name, family, _TWO + statement, proof, _TWO_LETTERS)

  def three(name, family, statement, proof):
    return _T(name, family, _THREE + statement, proof, _THREE_LETTERS)

  return [
      two('modus_ponens', 'apply', '{p} -> ({p} -> {q}) -> {q}',
          '  intros {p} {q} H F.\n  apply F.\n  exact H.'),
      two('and_swap', 'swap', '{p} /\\ {q} -> {q} /\\ {p}',
          '  intros {p} {q} [H1 H2].\n  split; assumption.'),
      two('or_swap', 'swap', '{p} \\/ {q} -> {q} \\/ {p}',
          '  intros {p} {q} [H | H].\n  - right. exact H.\n'
          '  - left. exact H.'),
      two('and_first', 'project', '{p} /\\ {q} -> {p}',
          '  intros {p} {q} [H1 H2].\n  exact H1.'),
      two('and_second', 'project', '{p} /\\ {q} -> {q}',
          '  intros {p} {q} [H1 H2].\n  exact H2.'),
      two('or_first', 'inject', '{p} -> {p} \\/ {q}',
          '  intros {p} {q} H.\n  left.\n  exact H.'),
      two('or_second', 'inject', '{q} -> {p} \\/ {q}',
          '  intros {p} {q} H.\n  right.\n  exact H.'),
      two('pair_up', 'pair', '{p} -> {q} -> {p} /\\ {q}',
          '  intros {p} {q} H1 H2.\n  split; assumption.'),
      two('from_contradiction', 'absurd', '{p} -> ~ {p} -> {q}',
          '  intros {p} {q} H N.\n  contradiction.'),
      two('contraposition', 'contrapose', '({p} -> {q}) -> ~ {q} -> ~ {p}',
          '  intros {p} {q} F N H.\n  apply N. apply F. exact H.'),
      two('not_or', 'de_morgan', '~ ({p} \\/ {q}) -> ~ {p} /\\ ~ {q}',
          '  intros {p} {q} H.\n  tauto.'),
      two('or_not', 'resolve', '{p} \\/ {q} -> ~ {p} -> {q}',
          '  intros {p} {q} [H | H] N.\n  - contradiction.\n  - exact H.'),
      two('iff_forward', 'iff', '({p} <-> {q}) -> {p} -> {q}',
          '  intros {p} {q} H H1.\n  apply H. exact H1.'),
      two('iff_symmetric', 'iff_swap', '({p} <-> {q}) -> ({q} <-> {p})',
          '  intros {p} {q} H.\n  tauto.'),
      three('chain', 'compose',
            '({p} -> {q}) -> ({q} -> {r}) -> {p} -> {r}',
            '  intros {p} {q} {r} F G H.\n  apply G. apply F. exact H.'),
      three('curry', 'curry', '({p} /\\ {q} -> {r}) -> {p} -> {q} -> {r}',
            '  intros {p} {q} {r} F H1 H2.\n  apply F. split; assumption.'),
      three('uncurry', 'curry', '({p} -> {q} -> {r}) -> {p} /\\ {q} -> {r}',
            '  intros {p} {q} {r} F [H1 H2].\n  apply F; assumption.'),
      three('by_cases', 'cases',
            '({p} -> {r}) -> ({q} -> {r}) -> {p} \\/ {q} -> {r}',
            '  intros {p} {q} {r} F G [H | H].\n  - apply F. exact H.\n'
            '  - apply G. exact H.'),
      three('and_regroup', 'regroup',
            '({p} /\\ {q}) /\\ {r} -> {p} /\\ ({q} /\\ {r})',
            '  intros {p} {q} {r} H.\n  tauto.'),
      three('and_over_or', 'distribute',
            '{p} /\\ ({q} \\/ {r}) -> ({p} /\\ {q}) \\/ ({p} /\\ {r})',
            '  intros {p} {q} {r} H.\n  tauto.'),
  ]


def _witness() -> list[theorems.Theorem]:
  def find(name, family, body, *choices):
    """`choices`: (witness, first constant, second constant)."""
    return _T(
        name, family, 'exists n : nat, ' + body,
        '  exists {n}.\n  reflexivity.',
        tuple({'n': n, 'a': a, 'b': b} for n, a, b in choices),
    )

  return [
      find('add_right', 'add', 'n + {a} = {b}', (3, 2, 5), (4, 3, 7)),
      find('add_left', 'add', '{a} + n = {b}', (2, 4, 6), (5, 3, 8)),
      find('multiply', 'times', '{a} * n = {b}', (3, 2, 6), (2, 5, 10)),
      find('double', 'double', 'n + n = {b}', (2, 0, 4), (4, 0, 8)),
      find('square', 'square', 'n * n = {b}', (2, 0, 4), (3, 0, 9)),
      find('successor', 'successor', 'S n = {b}', (3, 0, 4), (6, 0, 7)),
      find('two_successors', 'successor', 'S (S n) = {b}', (1, 0, 3),
           (3, 0, 5)),
      find('take_away', 'minus', 'n - {a} = {b}', (5, 2, 3), (7, 3, 4)),
      find('taken_from', 'minus', '{a} - n = {b}', (1, 4, 3), (2, 6, 4)),
      find('before', 'pred', 'pred n = {b}', (4, 0, 3), (6, 0, 5)),
      find('value', 'value', 'n = {b}', (7, 0, 7), (3, 0, 3), (9, 0, 9)),
      find('sum', 'evaluate', 'n = {a} + {b}', (5, 2, 3), (6, 4, 2)),
      find('product', 'evaluate_times', 'n = {a} * {b}', (6, 2, 3), (4, 4, 1)),
      find('linear', 'linear', '{a} * n + 1 = {b}', (2, 2, 5), (1, 3, 4)),
      find('fixed', 'fixed', 'n + n = n * n', (2, 0, 0)),
      find('not_less', 'compare', 'Nat.leb {a} n = true', (3, 3, 0), (5, 5, 0)),
      find('less', 'compare', 'Nat.leb n {a} = true', (0, 2, 0), (0, 4, 0)),
      find('half', 'half', 'Nat.div2 n = {b}', (4, 0, 2), (6, 0, 3)),
      find('maximum', 'maximum', 'Nat.max {a} n = {b}', (5, 2, 5), (4, 1, 4)),
      find('even', 'even', 'Nat.even n = true', (2, 0, 0)),
  ]


def _bool() -> list[theorems.Theorem]:
  one_letter = ({'b': 'b'}, {'b': 'x'}, {'b': 'p'})
  two_letters = ({'b': 'b', 'c': 'c'}, {'b': 'x', 'c': 'y'})

  def one(name, family, equation):
    return _T(name, family, 'forall {b} : bool, ' + equation,
              '  intros {b}.\n  destruct {b}; reflexivity.', one_letter)

  def two(name, family, equation):
    return _T(name, family, 'forall {b} {c} : bool, ' + equation,
              '  intros {b} {c}.\n  destruct {b}, {c}; reflexivity.',
              two_letters)

  return [
      one('and_itself', 'idempotent', 'andb {b} {b} = {b}'),
      one('or_itself', 'idempotent', 'orb {b} {b} = {b}'),
      one('xor_itself', 'xor_itself', 'xorb {b} {b} = false'),
      one('and_true', 'unit', 'andb {b} true = {b}'),
      one('or_false', 'unit', 'orb {b} false = {b}'),
      one('and_false', 'zero', 'andb {b} false = false'),
      one('or_true', 'zero', 'orb {b} true = true'),
      one('and_not', 'complement', 'andb {b} (negb {b}) = false'),
      one('or_not', 'complement', 'orb {b} (negb {b}) = true'),
      one('xor_true', 'xor_constant', 'xorb {b} true = negb {b}'),
      one('choose_itself', 'choose', '(if {b} then true else false) = {b}'),
      one('choose_equal', 'choose_equal', '(if {b} then 1 else 1) = 1'),
      two('and_swap', 'commute', 'andb {b} {c} = andb {c} {b}'),
      two('or_swap', 'commute', 'orb {b} {c} = orb {c} {b}'),
      two('xor_swap', 'commute_xor', 'xorb {b} {c} = xorb {c} {b}'),
      two('not_and', 'de_morgan_bool',
          'negb (andb {b} {c}) = orb (negb {b}) (negb {c})'),
      two('not_or', 'de_morgan_bool',
          'negb (orb {b} {c}) = andb (negb {b}) (negb {c})'),
      two('absorb', 'absorb', 'andb {b} (orb {b} {c}) = {b}'),
      two('implies', 'implies', 'implb {b} {c} = orb (negb {b}) {c}'),
      two('xor_twice', 'xor_twice', 'xorb (xorb {b} {c}) {c} = {b}'),
  ]


def _arithmetic() -> list[theorems.Theorem]:
  letters = ({'n': 'n', 'm': 'm'}, {'n': 'a', 'm': 'b'})
  compute = '  intros.\n  reflexivity.'
  induct = ('  intros {n}.\n  induction {n} as [| k IH].\n  - reflexivity.\n'
            '  - simpl. rewrite IH. reflexivity.')

  def one(name, family, equation, proof=compute):
    return _T(name, family, 'forall {n} : nat, ' + equation, proof, letters)

  def two(name, family, equation, proof=compute):
    return _T(name, family, 'forall {n} {m} : nat, ' + equation, proof, letters)

  return [
      one('zero_add', 'zero', '0 + {n} = {n}'),
      one('add_zero', 'zero', '{n} + 0 = {n}', induct),
      one('one_add', 'one', '1 + {n} = S {n}'),
      one('add_one', 'one', '{n} + 1 = S {n}', induct),
      one('zero_times', 'times_zero', '0 * {n} = 0'),
      one('times_zero', 'times_zero', '{n} * 0 = 0',
          '  intros {n}.\n  induction {n} as [| k IH].\n  - reflexivity.\n'
          '  - simpl. exact IH.'),
      one('times_one', 'times_one', '{n} * 1 = {n}', induct),
      one('minus_zero', 'minus_zero', '{n} - 0 = {n}',
          '  intros {n}.\n  destruct {n}; reflexivity.'),
      one('minus_itself', 'minus_itself', '{n} - {n} = 0',
          '  intros {n}.\n  induction {n} as [| k IH].\n  - reflexivity.\n'
          '  - simpl. exact IH.'),
      one('pred_of_successor', 'pred', 'pred (S {n}) = {n}'),
      one('leb_itself', 'leb', 'Nat.leb {n} {n} = true',
          '  intros {n}.\n  induction {n} as [| k IH].\n  - reflexivity.\n'
          '  - simpl. exact IH.'),
      one('at_least_zero', 'order', '0 <= {n}',
          '  intros {n}.\n  induction {n}; auto.'),
      one('below_successor', 'order', '{n} < S {n}',
          '  intros.\n  apply le_n.'),
      one('double', 'double', '2 * {n} = {n} + {n}',
          '  intros {n}.\n  simpl.\n  rewrite <- plus_n_O.\n  reflexivity.'),
      one('times_two', 'double', '{n} * 2 = {n} + {n}',
          '  intros {n}.\n  induction {n} as [| k IH].\n  - reflexivity.\n'
          '  - simpl. rewrite IH. rewrite <- plus_n_Sm. reflexivity.'),
      two('successor_add', 'successor_add', 'S {n} + {m} = S ({n} + {m})'),
      two('add_successor', 'successor_add', '{n} + S {m} = S ({n} + {m})',
          '  intros.\n  symmetry.\n  apply plus_n_Sm.'),
      two('add_swap', 'commute', '{n} + {m} = {m} + {n}',
          '  intros {n} {m}.\n  induction {n} as [| k IH].\n'
          '  - simpl. rewrite <- plus_n_O. reflexivity.\n'
          '  - simpl. rewrite IH. apply plus_n_Sm.'),
      two('add_then_subtract', 'cancel', '{n} + {m} - {m} = {n}',
          '  intros {n} {m}.\n  induction {m} as [| k IH].\n'
          '  - rewrite <- plus_n_O. destruct {n}; reflexivity.\n'
          '  - rewrite <- plus_n_Sm. exact IH.'),
      two('successor_injective', 'injective', 'S {n} = S {m} -> {n} = {m}',
          '  intros {n} {m} H.\n  injection H as H.\n  exact H.'),
      two('symmetric', 'symmetric', '{n} = {m} -> {m} = {n}',
          '  intros {n} {m} H.\n  rewrite H.\n  reflexivity.'),
      two('congruent', 'congruent', '{n} = {m} -> {n} + 1 = {m} + 1',
          '  intros {n} {m} H.\n  rewrite H.\n  reflexivity.'),
  ]


def _lists() -> list[theorems.Theorem]:
  compute = '  intros.\n  reflexivity.'
  induct = ('  intros A l.\n  induction l as [| x t IH].\n  - reflexivity.\n'
            '  - simpl. rewrite IH. reflexivity.')
  split = '  intros A l.\n  destruct l; reflexivity.'

  def one(name, family, equation, proof):
    return _T(
        name, family, 'forall (A : Type) (l : list A), ' + equation, proof
    )

  def heads(name, family, equation):
    return _T(
        name, family,
        'forall (A : Type) ({x} {y} : A) (l : list A), ' + equation, compute,
        ({'x': 'x', 'y': 'y'}, {'x': 'a', 'y': 'b'}),
    )

  return [
      one('nil_append', 'append_nil', '[] ++ l = l', compute),
      one('append_nil', 'append_nil', 'l ++ [] = l', induct),
      one('map_identity', 'map_identity', 'map (fun x => x) l = l', induct),
      one('map_length', 'map_length',
          'length (map (fun x => x) l) = length l', induct),
      one('length_nil', 'length_nil', 'length (l ++ []) = length l', induct),
      one('filter_true', 'filter', 'filter (fun x => true) l = l', induct),
      one('filter_false', 'filter', 'filter (fun x => false) l = []', induct),
      one('fold_cons', 'fold', 'fold_right cons [] l = l', induct),
      one('all_true', 'all', 'forallb (fun x => true) l = true',
          '  intros A l.\n  induction l as [| x t IH].\n  - reflexivity.\n'
          '  - simpl. exact IH.'),
      one('any_false', 'all', 'existsb (fun x => false) l = false',
          '  intros A l.\n  induction l as [| x t IH].\n  - reflexivity.\n'
          '  - simpl. exact IH.'),
      one('skip_none', 'skip', 'skipn 0 l = l', compute),
      one('take_none', 'skip', 'firstn 0 l = []', compute),
      one('tail_of_tail', 'tail', 'tl (tl l) = skipn 2 l',
          '  intros A l.\n  destruct l as [| x [| y t]]; reflexivity.'),
      one('skip_one', 'skip_one', 'skipn 1 l = tl l', split),
      heads('length_cons', 'length_cons', 'length ({x} :: l) = S (length l)'),
      heads('length_two', 'length_pair', 'length [{x}; {y}] = 2'),
      heads('head_cons', 'head', 'hd {y} ({x} :: l) = {x}'),
      heads('tail_cons', 'tail_cons', 'tl ({x} :: l) = l'),
      heads('reverse_two', 'reverse', 'rev [{x}; {y}] = [{y}; {x}]'),
      heads('reverse_one', 'reverse', 'rev [{x}] = [{x}]'),
      heads('cons_append', 'cons_append', '{x} :: l = [{x}] ++ l'),
      heads('second', 'nth', 'nth_error ({x} :: {y} :: l) 1 = Some {y}'),
      heads('last_of_two', 'last', 'last [{x}; {y}] {x} = {y}'),
  ]


_EXAMPLES = {
    'logic': (
        'Theorem both : forall P Q : Prop, P /\\ P -> Q -> Q /\\ P.\nProof.\n'
        '  intros.\n  destruct H.\n  auto.\nQed.',
        'Theorem keep : forall P Q : Prop, P -> (Q -> P).\nProof.\n'
        '  intros.\n  auto.\nQed.',
    ),
    'witness': (
        'Theorem five : exists n : nat, n * 2 = 10.\nProof.\n'
        '  exists 5.\n  reflexivity.\nQed.',
        'Theorem three : exists n : nat, 1 + n + 1 = 5.\nProof.\n'
        '  exists 3.\n  reflexivity.\nQed.',
    ),
    'bool': (
        'Theorem not_not : forall b : bool, negb (negb b) = b.\nProof.\n'
        '  intros b.\n  destruct b; reflexivity.\nQed.',
        'Theorem and_or : forall x y : bool, andb x (orb y x) = x.\nProof.\n'
        '  intros x y.\n  destruct x, y; reflexivity.\nQed.',
    ),
    'arithmetic': (
        'Theorem two : forall n : nat, S (S n) = 2 + n.\nProof.\n'
        '  intros n.\n  reflexivity.\nQed.',
        'Theorem add_two : forall n : nat, n + 2 = S (S n).\nProof.\n'
        '  induction n as [| k IH].\n  - reflexivity.\n'
        '  - simpl. rewrite IH. reflexivity.\nQed.',
    ),
    'lists': (
        'Theorem empty : forall A : Type, length (@nil A) = 0.\nProof.\n'
        '  intros.\n  reflexivity.\nQed.',
        'Theorem append : forall (A : Type) (l : list A), (l ++ []) ++ [] = l.'
        '\nProof.\n  induction l as [| x t IH].\n'
        '  - reflexivity.\n  - simpl. rewrite IH. reflexivity.\nQed.',
    ),
}
_GROUPS = (
    theorems.Group('logic', _EXAMPLES['logic'], _logic()),
    theorems.Group('witness', _EXAMPLES['witness'], _witness()),
    theorems.Group('bool', _EXAMPLES['bool'], _bool()),
    theorems.Group('arithmetic', _EXAMPLES['arithmetic'], _arithmetic()),
    theorems.Group(
        'lists', _EXAMPLES['lists'], _lists(),
        'From Coq Require Import List. Import ListNotations.',
    ),
)


def suite(seed: int = 0) -> list[types.Problem]:
  """Returns every problem; nothing in them is drawn, so `seed` is unused."""
  del seed
  return theorems.build(_LANGUAGE, _GROUPS)


def families() -> Mapping[tuple[str, str], str]:
  """Returns the family of every (type, template)."""
  return theorems.families(_GROUPS)
