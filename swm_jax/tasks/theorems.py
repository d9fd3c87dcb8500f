"""Theorems as problems: what the sources of Coq and Lean share.

A type of theorems is a worked example and a list of statements, each with a
proof of our own. Prompts show the example, then the statement to prove, and
end where the proof begins.
"""

from collections.abc import Iterable, Mapping, Sequence
import dataclasses

from swm_jax import types

MAX_PARAMETERS = 3


@dataclasses.dataclass(frozen=True)
class Theorem:
  """One statement that is asked for.

  Attributes:
    name: name of the theorem and of the template, unique in its type.
    family: unique in its type; statements that are each other's mirror image
      (left and right, conjunction and disjunction by duality) share one.
    statement: `str.format` template of what is to be proved.
    proof: `str.format` template of a proof.
    parameters: up to 3 choices of the words that fill both, and only them:
      names of variables or constants.
  """

  name: str
  family: str
  statement: str
  proof: str
  parameters: tuple[Mapping[str, object], ...] = ({},)

  def __post_init__(self):
    if not 1 <= len(self.parameters) <= MAX_PARAMETERS:
      raise ValueError(
          f'theorem {self.name} has {len(self.parameters)} parameterisations; '
          f'give 1 to {MAX_PARAMETERS}'
      )


@dataclasses.dataclass(frozen=True)
class Group:
  """A problem type.

  Attributes:
    name: of the type.
    examples: worked examples shown before every question, without fences.
    theorems: what is asked for.
    imports: modules that the statements need, in the prover's notation.
  """

  name: str
  examples: Sequence[str]
  theorems: Sequence[Theorem]
  imports: str = ''


@dataclasses.dataclass(frozen=True)
class Language:
  """How a prover writes theorems.

  Attributes:
    domain: name of the verifier.
    fence: the word after the opening fence.
    prover: name of the prover in prose.
    header: `str.format` template with `name` and `statement`, up to where the
      proof begins.
    end: what follows a proof.
    entry_point: `str.format` template of the theorem's name.
  """

  domain: str
  fence: str
  prover: str
  header: str
  end: str = ''
  entry_point: str = '{name}'


def build(
    language: Language, groups: Iterable[Group]
) -> list[types.Problem]:
  """Returns every parameterisation of every theorem, `type/template/k`.

  Their `spec` holds `statement` and `imports`, what the judge states itself.
  """
  problems = []
  for group in groups:
    shown = ''.join(
        f'```{language.fence}\n{example}\n```\n' for example in group.examples
    )
    for theorem in group.theorems:
      for k, words in enumerate(theorem.parameters):
        statement = theorem.statement.format(**words)
        name = language.entry_point.format(name=theorem.name)
        header = language.header.format(name=name, statement=statement)
        proof = theorem.proof.format(**words)
        problems.append(types.Problem(
            id=f'{group.name}/{theorem.name}/{k}',
            type=group.name,
            template=theorem.name,
            prompt=(
                f'Proofs in {language.prover}.\n{shown}'
                f'```{language.fence}\n{header}'
            ),
            entry_point=name,
            reference=f'{header}\n{proof}{language.end}\n',
            question=header,
            domain=language.domain,
            spec={'statement': statement, 'imports': group.imports},
        ))
  return problems


def families(groups: Iterable[Group]) -> dict[tuple[str, str], str]:
  """Returns the family of every (type, template)."""
  return {
      (group.name, theorem.name): f'{group.name}/{theorem.family}'
      for group in groups
      for theorem in group.theorems
  }
