"""Tasks made of a proposal, after Absolute Zero (arXiv 2505.03335).

  deduction  program and arguments are given; what does it return?
  abduction  program and returned value are given; with which arguments?
  induction  some arguments and what is returned for them; write the program

The first two go on from `assert f([3, 1]) ==` and from `assert [1, 3] == f(`,
after the program and some worked pairs. They ask for a literal, which is read
and never run, so that an answer can neither call the program nor carry a copy
of it (`swm_jax.verifiers.python_literals`). Any arguments that give the value
are right. An induced program must also agree with the pairs that are not shown.
"""

from collections.abc import Sequence
from typing import Any

from swm_jax import types
from swm_jax.rem.proposals import literals
from swm_jax.rem.proposals import prompts
from swm_jax.rem.proposals import proposal as proposal_lib
from swm_jax.verifiers.sandbox import compare

KINDS = ('deduction', 'abduction', 'induction')
TYPE = 'proposed_{}'
_WORKED = 3  # other pairs shown before the one that is asked for
_SHOWN = 5  # pairs of an induction task; the others are hidden


def tasks(proposal: proposal_lib.Proposal) -> list[types.Problem]:
  """Returns a deduction, an abduction and an induction task.

  Args:
    proposal: any; one that is not valid has no tasks.
  """
  if not proposal.valid:
    return []
  asked = _asked(proposal.pairs)
  args, value = asked
  worked = [pair for pair in proposal.pairs if pair is not asked][:_WORKED]
  deduced = _shown('assert {call} == {value}\n', worked) + (
      f'assert {_call(args)} =='
  )
  abduced = _shown('assert {value} == {call}\n', worked) + (
      f'assert {literals.text(value)} == {prompts.NAME}'
  )
  header = f'def {prompts.NAME}({proposal.names}):'
  examples = _shown('# {call} == {value}\n', proposal.pairs[:_SHOWN])
  return [
      _literal(proposal, 'deduction', deduced, ' ', value, {}, value),
      _literal(
          proposal, 'abduction', abduced, '(', value,
          {
              'program': proposal.source,
              'function': prompts.NAME,
              'arity': len(proposal.types),
          },
          args,
      ),
      types.Problem(
          id=f'{proposal.id}/induction',
          type=TYPE.format('induction'),
          template=proposal.id,
          prompt=f'```python\n{examples}{header}',
          entry_point=prompts.NAME,
          tests=proposal.pairs,
          reference=proposal.source,
          question=header,
      ),
  ]


def _literal(
    proposal, kind, last, opening, value, spec, answer
) -> types.Problem:
  """A task whose answer is a literal.

  Args:
    proposal: valid.
    kind: of the task.
    last: the lines that come after the program.
    opening: what comes between them and a literal: a space, which is one token
      with what follows and so left to the answer, or a bracket.
    value: expected.
    spec: of the confined program, if it is called.
    answer: of the reference; arguments where the opening is a bracket.
  """
  prefix = f'{proposal.source}\n{last}'
  written = (
      f'{literals.arguments(answer)})' if spec else literals.text(answer)
  )
  return types.Problem(
      id=f'{proposal.id}/{kind}',
      type=TYPE.format(kind),
      template=proposal.id,
      prompt=f'```python\n{prefix}{opening.strip()}',
      tests=(((), value),),
      reference=f'{prefix}{opening}{written}\n',
      # The program is audited where it is the reference.
      question=f'assert {prompts.NAME}',
      spec={'prefix': prefix, **spec},
  )


def _call(args: Sequence[Any]) -> str:
  return f'{prompts.NAME}({literals.arguments(args)})'


def _shown(form: str, pairs: Sequence[tuple[tuple[Any, ...], Any]]) -> str:
  return ''.join(
      form.format(call=_call(args), value=literals.text(value))
      for args, value in pairs
  )


def _asked(
    pairs: Sequence[tuple[tuple[Any, ...], Any]],
) -> tuple[tuple[Any, ...], Any]:
  """Returns the pair to ask for: of a rare answer, then of a short text."""

  def order(pair):
    args, value = pair
    common = sum(compare.same(value, other) for _, other in pairs)
    return common, any(compare.same(arg, value) for arg in args), len(
        literals.arguments(args)
    )

  return min(pairs, key=order)
