"""Theorems to prove in Metamath: five kinds of short proofs over a small logic.

A proof is a list of labels, each rule after what it is applied to: formulas
first, then proofs of its hypotheses. A prompt shows a few proofs, then
hypotheses, a statement, and the proof up to its first hypothesis.
"""

from collections.abc import Mapping
import dataclasses
import functools
import importlib.resources
import re

from swm_jax import types

NAME = 'metamath'
DOMAIN = 'metamath'
STOP_STRINGS = ('$.', '```')
GOAL = 'goal'  # Label of every statement to prove.

# Variables of the templates, five formulas and five terms; others for them.
_LETTERS = ('pqrabxyzuv', 'rabpqzuvxy', 'bqaprvyuzx')
_FORMULAS = ('imp', 'neg', 'and', 'eq', 'zero', 'succ', 'sum')
_INTUITIONISTIC = (*_FORMULAS, 'ax1', 'ax2', 'mp', 'join', 'left', 'right')
_EQUATIONS = (*_FORMULAS, 'refl', 'sym', 'trans', 'suc', 'addr', 'add0', 'adds')


@dataclasses.dataclass(frozen=True)
class Template:
  """A theorem up to the names of its variables.

  Attributes:
    name: of the template, unique in its type.
    family: key over the whole suite; what is the same but for left and right,
      or antecedent and consequent, shares one.
    hypotheses: formulas, labelled h1, h2, ...
    goal: the formula to prove.
    proof: in Metamath's normal form.
  """

  name: str
  family: str
  hypotheses: tuple[str, ...]
  goal: str
  proof: str

  def turned(self, letters: str, backwards: bool) -> 'Template':
    """Returns it with other letters, its hypotheses backwards if asked for."""
    words = dict(zip(_LETTERS[0], letters))
    words |= {old.upper(): new.upper() for old, new in words.items()}
    count = len(self.hypotheses)
    if backwards:
      words |= {f'h{k + 1}': f'h{count - k}' for k in range(count)}
    rename = lambda text: ' '.join(words.get(w, w) for w in text.split())
    return dataclasses.replace(
        self,
        hypotheses=tuple(map(rename, self.hypotheses))[
            :: -1 if backwards else 1
        ],
        goal=rename(self.goal),
        proof=rename(self.proof),
    )

  @property
  def theorem(self) -> str:
    """Hypotheses and statement, up to where the proof begins."""
    lines = [
        f'h{k} $e |- {formula} $.'
        for k, formula in enumerate(self.hypotheses, start=1)
    ]
    return '\n'.join((*lines, f'{GOAL} $p |- {self.goal} $='))

  @property
  def solution(self) -> str:
    """The theorem with its proof."""
    return f'{self.theorem} {self.proof} $.'

  @property
  def beginning(self) -> str:
    """What a prompt shows of the proof, all but the last label at most."""
    labels = self.proof.split()
    hypotheses = [k for k, l in enumerate(labels) if re.fullmatch(r'h\d', l)]
    return ' '.join(labels[: min(hypotheses, default=-1)])


@dataclasses.dataclass(frozen=True)
class Group:
  """A problem type.

  Attributes:
    name: of the type.
    rules: what the prompt says of them.
    axioms: what proofs may rest on.
    examples: proofs that every prompt shows; never asked for.
    templates: what is asked for.
  """

  name: str
  rules: str
  axioms: tuple[str, ...]
  examples: tuple[Template, ...]
  templates: tuple[Template, ...]


_T = Template
GROUPS = (
    Group(
        'modus_ponens',
        'mp proves Q from P and ( P -> Q ).',
        _INTUITIONISTIC,
        (
            _T('', '', ('p', '( p -> q )'), 'q', 'P Q h1 h2 mp'),
            _T('', '', ('-. -. a', '( -. -. a -> r )'), 'r',
               'A neg neg R h1 h2 mp'),
            _T('', '', ('r', '( r -> ( p -> p ) )'), '( p -> p )',
               'R P P imp h1 h2 mp'),
        ),
        (
            _T('bystander', 'bystander', ('p', 'q', '( q -> r )'), 'r',
               'Q R h2 h3 mp'),
            _T('choice', 'choice', ('p', '( q -> r )', '( p -> r )'), 'r',
               'P R h1 h3 mp'),
            _T('negated_antecedent', 'negation', ('-. p', '( -. p -> q )'),
               'q', 'P neg Q h1 h2 mp'),
            _T('negated_consequent', 'negation', ('p', '( p -> -. q )'),
               '-. q', 'P Q neg h1 h2 mp'),
            _T('implication_given', 'implication',
               ('( p -> q )', '( ( p -> q ) -> r )'), 'r',
               'P Q imp R h1 h2 mp'),
            _T('implication_follows', 'implication',
               ('p', '( p -> ( q -> r ) )'), '( q -> r )',
               'P Q R imp h1 h2 mp'),
            _T('pair_given', 'pair', ('( p /\\ q )', '( ( p /\\ q ) -> r )'),
               'r', 'P Q and R h1 h2 mp'),
            _T('pair_follows', 'pair', ('p', '( p -> ( q /\\ r ) )'),
               '( q /\\ r )', 'P Q R and h1 h2 mp'),
            _T('equation_given', 'equation', ('x = y', '( x = y -> p )'), 'p',
               'X Y eq P h1 h2 mp'),
            _T('equation_follows', 'equation', ('p', '( p -> x = y )'),
               'x = y', 'P X Y eq h1 h2 mp'),
            _T('to_itself', 'loop', ('p', '( p -> p )'), 'p',
               'P P h1 h2 mp'),
            _T('two_steps', 'two_steps', ('p', '( p -> q )', '( q -> r )'),
               'r', 'Q R P Q h1 h2 mp h3 mp'),
            _T('two_arguments', 'two_arguments',
               ('p', 'q', '( p -> ( q -> r ) )'), 'r',
               'Q R h2 P Q R imp h1 h3 mp mp'),
            _T('used_twice', 'used_twice', ('p', '( p -> ( p -> q ) )'), 'q',
               'P Q h1 P P Q imp h1 h2 mp mp'),
            _T('zero', 'zero', ('x = 0', '( x = 0 -> q )'), 'q',
               'X zero eq Q h1 h2 mp'),
        ),
    ),
    Group(
        'syllogism',
        'syl proves ( P -> R ) from ( P -> Q ) and ( Q -> R ).',
        _INTUITIONISTIC,
        (
            _T('', '', ('( p -> q )', '( q -> r )'), '( p -> r )',
               'P Q R h1 h2 syl'),
            _T('', '', ('( a -> -. b )', '( -. b -> p )'), '( a -> p )',
               'A B neg P h1 h2 syl'),
        ),
        (
            _T('bystander', 'bystander', ('p', '( p -> q )', '( q -> r )'),
               '( p -> r )', 'P Q R h2 h3 syl'),
            _T('choice', 'choice',
               ('( p -> q )', '( a -> r )', '( q -> r )'), '( p -> r )',
               'P Q R h1 h3 syl'),
            _T('negated_start', 'negation', ('( -. p -> q )', '( q -> r )'),
               '( -. p -> r )', 'P neg Q R h1 h2 syl'),
            _T('negated_end', 'negation', ('( p -> q )', '( q -> -. r )'),
               '( p -> -. r )', 'P Q R neg h1 h2 syl'),
            _T('implication_between', 'implication',
               ('( p -> ( q -> r ) )', '( ( q -> r ) -> a )'), '( p -> a )',
               'P Q R imp A h1 h2 syl'),
            _T('implication_end', 'implication',
               ('( p -> q )', '( q -> ( r -> a ) )'), '( p -> ( r -> a ) )',
               'P Q R A imp h1 h2 syl'),
            _T('pair_start', 'pair', ('( ( p /\\ q ) -> r )', '( r -> a )'),
               '( ( p /\\ q ) -> a )', 'P Q and R A h1 h2 syl'),
            _T('pair_between', 'pair',
               ('( p -> ( q /\\ r ) )', '( ( q /\\ r ) -> a )'), '( p -> a )',
               'P Q R and A h1 h2 syl'),
            _T('equation_between', 'equation',
               ('( p -> x = y )', '( x = y -> q )'), '( p -> q )',
               'P X Y eq Q h1 h2 syl'),
            _T('equation_end', 'equation', ('( p -> q )', '( q -> x = y )'),
               '( p -> x = y )', 'P Q X Y eq h1 h2 syl'),
            _T('back_again', 'loop', ('( p -> q )', '( q -> p )'),
               '( p -> p )', 'P Q P h1 h2 syl'),
            _T('zero', 'zero', ('( p -> x = 0 )', '( x = 0 -> q )'),
               '( p -> q )', 'P X zero eq Q h1 h2 syl'),
            _T('three_links', 'two_steps',
               ('( p -> q )', '( q -> r )', '( r -> a )'), '( p -> a )',
               'P R A P Q R h1 h2 syl h3 syl'),
            _T('then_apply', 'two_arguments',
               ('p', '( p -> q )', '( q -> r )', '( ( p -> r ) -> a )'), 'a',
               'P R imp A P Q R h2 h3 syl h4 mp'),
        ),
    ),
    Group(
        'instance',
        'Each statement is an instance of one of id, ax1, refl and add0.',
        (*_INTUITIONISTIC, 'refl', 'add0'),
        (
            _T('', '', (), '( p -> p )', 'P id'),
            _T('', '', (), '( q -> ( r -> q ) )', 'Q R ax1'),
            _T('', '', (), 'x = x', 'X refl'),
            _T('', '', (), 'S 0 = S 0', 'zero succ refl'),
            _T('', '', (), '( y + 0 ) = y', 'Y add0'),
            _T('', '', (), '( -. -. b -> ( r -> -. -. b ) )',
               'B neg neg R ax1'),
            _T('', '', (), '( ( a -> b ) -> ( a -> b ) )', 'A B imp id'),
        ),
        (
            _T('id_negation', 'id_negation', (), '( -. p -> -. p )',
               'P neg id'),
            _T('id_pair', 'id_pair', (), '( ( p /\\ q ) -> ( p /\\ q ) )',
               'P Q and id'),
            _T('id_equation', 'id_equation', (), '( x = y -> x = y )',
               'X Y eq id'),
            _T('id_deeper', 'id_deeper', (),
               '( ( p -> ( q -> r ) ) -> ( p -> ( q -> r ) ) )',
               'P Q R imp imp id'),
            _T('id_of_negated', 'id_of_negated', (),
               '( ( p -> -. q ) -> ( p -> -. q ) )', 'P Q neg imp id'),
            _T('ax1_same', 'ax1_same', (), '( p -> ( p -> p ) )',
               'P P ax1'),
            _T('ax1_negation_first', 'ax1_negation', (),
               '( -. p -> ( q -> -. p ) )', 'P neg Q ax1'),
            _T('ax1_negation_second', 'ax1_negation', (),
               '( p -> ( -. q -> p ) )', 'P Q neg ax1'),
            _T('ax1_implication_first', 'ax1_implication', (),
               '( ( p -> q ) -> ( r -> ( p -> q ) ) )', 'P Q imp R ax1'),
            _T('ax1_implication_second', 'ax1_implication', (),
               '( p -> ( ( q -> r ) -> p ) )', 'P Q R imp ax1'),
            _T('ax1_pair_first', 'ax1_pair', (),
               '( ( p /\\ q ) -> ( r -> ( p /\\ q ) ) )', 'P Q and R ax1'),
            _T('ax1_pair_second', 'ax1_pair', (),
               '( p -> ( ( q /\\ r ) -> p ) )', 'P Q R and ax1'),
            _T('ax1_equation', 'ax1_equation', (),
               '( x = y -> ( p -> x = y ) )', 'X Y eq P ax1'),
            _T('ax1_both', 'ax1_both', (),
               '( ( p -> q ) -> ( ( r -> a ) -> ( p -> q ) ) )',
               'P Q imp R A imp ax1'),
            _T('ax1_zero', 'ax1_zero', (), '( x = 0 -> ( p -> x = 0 ) )',
               'X zero eq P ax1'),
            _T('refl_sum', 'refl_sum', (), '( x + y ) = ( x + y )',
               'X Y sum refl'),
            _T('refl_successor', 'refl_successor', (), 'S x = S x',
               'X succ refl'),
            _T('refl_zero', 'refl_zero', (), '( 0 + x ) = ( 0 + x )',
               'zero X sum refl'),
            _T('add0_sum', 'add0_sum', (), '( ( x + y ) + 0 ) = ( x + y )',
               'X Y sum add0'),
            _T('add0_successor', 'add0_successor', (), '( S x + 0 ) = S x',
               'X succ add0'),
            _T('add0_zero', 'add0_zero', (), '( ( 0 + x ) + 0 ) = ( 0 + x )',
               'zero X sum add0'),
        ),
    ),
    Group(
        'conjunction',
        'join proves ( P /\\ Q ) from P and Q. left and right take it apart.',
        _INTUITIONISTIC,
        (
            _T('', '', ('p', 'q'), '( p /\\ q )', 'P Q h1 h2 join'),
            _T('', '', ('( r /\\ a )',), 'r', 'R A h1 left'),
            _T('', '', ('( b -> p )', 'q'), '( ( b -> p ) /\\ q )',
               'B P imp Q h1 h2 join'),
        ),
        (
            _T('bystander', 'bystander', ('p', 'q', 'r'), '( p /\\ r )',
               'P R h1 h3 join'),
            _T('choice', 'choice', ('( q /\\ r )', '( p /\\ q )'), 'p',
               'P Q h2 left'),
            _T('second', 'take', ('( p /\\ q )',), 'q', 'P Q h1 right'),
            _T('take_negation', 'negation', ('( -. p /\\ q )',), '-. p',
               'P neg Q h1 left'),
            _T('join_negation', 'negation', ('p', '-. q'), '( p /\\ -. q )',
               'P Q neg h1 h2 join'),
            _T('take_implication', 'implication', ('( ( p -> q ) /\\ r )',),
               '( p -> q )', 'P Q imp R h1 left'),
            _T('take_pair', 'pair', ('( ( p /\\ q ) /\\ r )',), '( p /\\ q )',
               'P Q and R h1 left'),
            _T('join_pair', 'pair', ('( p /\\ q )', 'r'),
               '( ( p /\\ q ) /\\ r )', 'P Q and R h1 h2 join'),
            _T('join_equation', 'equation', ('x = y', 'p'), '( x = y /\\ p )',
               'X Y eq P h1 h2 join'),
            _T('twice', 'loop', ('p',), '( p /\\ p )', 'P P h1 h1 join'),
            _T('take_twice', 'two_steps', ('( ( p /\\ q ) /\\ r )',), 'p',
               'P Q P Q and R h1 left left'),
            _T('join_three', 'two_arguments', ('p', 'q', 'r'),
               '( ( p /\\ q ) /\\ r )', 'P Q and R P Q h1 h2 join h3 join'),
            _T('swap', 'used_twice', ('( p /\\ q )',), '( q /\\ p )',
               'Q P P Q h1 right P Q h1 left join'),
            _T('zero', 'zero', ('( p /\\ x = 0 )',), 'p',
               'P X zero eq h1 left'),
        ),
    ),
    Group(
        'equality',
        'sym turns x = y around, trans proves x = z from x = y and y = z, suc'
        ' proves S x = S y from x = y.',
        _EQUATIONS,
        (
            _T('', '', ('v = x',), 'S v = S x', 'V X h1 suc'),
            _T('', '', ('z = u', 'u = v'), 'z = v', 'Z U V h1 h2 trans'),
            _T('', '', ('u = S 0',), 'S 0 = u', 'U zero succ h1 sym'),
            _T('', '', ('x = y',), 'y = x', 'X Y h1 sym'),
        ),
        (
            _T('bystander', 'bystander', ('u = v', 'x = y', 'y = z'), 'x = z',
               'X Y Z h2 h3 trans'),
            _T('choice', 'choice', ('x = y', 'z = u'), 'u = z',
               'Z U h2 sym'),
            _T('turn_zero', 'zero', ('x = 0',), '0 = x', 'X zero h1 sym'),
            _T('turn_successor', 'successor', ('S x = y',), 'y = S x',
               'X succ Y h1 sym'),
            _T('turn_sum', 'sum', ('( x + y ) = z',), 'z = ( x + y )',
               'X Y sum Z h1 sym'),
            _T('through_zero', 'through_zero', ('x = 0', '0 = y'), 'x = y',
               'X zero Y h1 h2 trans'),
            _T('through_successor', 'through_successor',
               ('x = S y', 'S y = z'), 'x = z', 'X Y succ Z h1 h2 trans'),
            _T('through_sum', 'through_sum',
               ('x = ( y + z )', '( y + z ) = u'), 'x = u',
               'X Y Z sum U h1 h2 trans'),
            _T('there_and_back', 'loop', ('x = y', 'y = x'), 'x = x',
               'X Y X h1 h2 trans'),
            _T('three_links', 'two_steps', ('x = y', 'y = z', 'z = u'),
               'x = u', 'X Z U X Y Z h1 h2 trans h3 trans'),
            _T('meet', 'meet', ('x = y', 'z = y'), 'x = z',
               'X Y Z h1 Z Y h2 sym trans'),
            _T('successor_of_zero', 'successor_of_zero', ('x = 0',),
               'S x = S 0', 'X zero h1 suc'),
            _T('two_more', 'two_more', ('x = y',), 'S S x = S S y',
               'X succ Y succ X Y h1 suc suc'),
            _T('successor_turned', 'successor_turned', ('x = y',),
               'S y = S x', 'Y X X Y h1 sym suc'),
        ),
    ),
)


@functools.cache
def database() -> str:
  """Returns the text of the judge's database."""
  return importlib.resources.files('swm_jax.tasks').joinpath(
      'metamath.txt'
  ).read_text(encoding='ascii')


def suite(seed: int = 0) -> list[types.Problem]:
  """Returns every theorem with three choices of its variables.

  The second choice has the hypotheses in the other order.

  Args:
    seed: unused; nothing is drawn.
  """
  del seed
  problems = []
  for group in GROUPS:
    shown = '\n\n'.join(example.solution for example in group.examples)
    for template in group.templates:
      for k, letters in enumerate(_LETTERS):
        asked = template.turned(letters, backwards=k == 1)
        problems.append(types.Problem(
            id=f'{group.name}/{template.name}/{k}',
            type=group.name,
            template=template.name,
            prompt=(
                f'Metamath proofs. {group.rules}\n```\n{shown}\n```\n'
                f'```metamath\n{asked.theorem} {asked.beginning}'
            ),
            entry_point=GOAL,
            reference=f'{asked.solution}\n',
            question=f'{asked.theorem} {asked.beginning}',
            domain=DOMAIN,
            spec={
                'database': database(),
                'theorem': asked.theorem,
                'axioms': group.axioms,
            },
        ))
  return problems


def families() -> Mapping[tuple[str, str], str]:
  """Returns the family of every (type, template), see `base.split`."""
  return {
      (group.name, template.name): template.family
      for group in GROUPS
      for template in group.templates
  }
