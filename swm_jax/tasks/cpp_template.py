"""How the C++ suite writes down what it asks for."""

from collections.abc import Mapping
import dataclasses
from typing import Any

from swm_jax.tasks import base

# One worked example for each type; none of them is a problem.
EXAMPLES = {
    'arithmetic': """\
// Given integers a and b, return a minus b.
int difference(int a, int b) {
    return a - b;
}
""",
    'conditionals': """\
// Given an integer n, return 1 if n is less than 0, otherwise return 0.
int is_below_zero(int n) {
    if (n < 0) {
        return 1;
    }
    return 0;
}
""",
    'vectors': """\
// Given a vector of integers a, return the smallest element plus 1.
int smallest_plus_one(vector<int> a) {
    int smallest = a[0];
    for (int x : a) {
        if (x < smallest) {
            smallest = x;
        }
    }
    return smallest + 1;
}
""",
    'strings': """\
// Given a string s, return s with every space replaced by a dash.
string dashes(string s) {
    string result = "";
    for (char c : s) {
        if (c == ' ') {
            result += '-';
        } else {
            result += c;
        }
    }
    return result;
}
""",
    'programs': """\
// Read an integer n and print n plus 7.
int main() {
    int n;
    cin >> n;
    cout << n + 7 << endl;
    return 0;
}
""",
}


@dataclasses.dataclass(frozen=True)
class Template:
  """One function or program that the suite asks for.

  Texts are `string.Template`s over the constants: `$c` stands for constant c.

  Attributes:
    name: name of the function and of the template, unique in its type.
    family: key over the whole suite; mirror images share one, see `base.split`.
    describe: the description.
    returns: type of the result; '' for a program.
    arguments: (type, name) of the parameters, or of what a program reads.
    cpp: reference: an expression to return, or the statements of the body.
    python: solution in Python, an expression or statements that return; of a
      program, the text that it prints.
    inputs: draws at least 8 argument tuples.
    constants: up to 3 choices of the constants.
  """

  name: str
  family: str
  describe: str
  returns: str
  arguments: tuple[tuple[str, str], ...]
  cpp: str
  python: str
  inputs: base.Inputs
  constants: tuple[Mapping[str, Any], ...] = ({},)


def function(
    signature: str,
    describe: str,
    cpp: str,
    inputs: base.Inputs,
    python: str = '',
    *,
    family: str = '',
    **constants: tuple[Any, ...],
) -> Template:
  """Makes the template of a function.

  Args:
    signature: as in C++, e.g. `int f(vector<int> a, int n)`.
    describe: the description.
    cpp: reference.
    inputs: draws argument tuples.
    python: solution in Python; by default the C++ reference, where it is an
      expression of both languages.
    family: by default the function's name.
    **constants: the choices of each constant, all equally many.
  """
  left, _, right = signature.rstrip(')').partition('(')
  returns, name = left.rsplit(' ', 1)
  return Template(
      name=name,
      family=family or name,
      describe=describe,
      returns=returns,
      arguments=_arguments(right),
      cpp=cpp,
      python=python or cpp,
      inputs=inputs,
      constants=_choices(constants),
  )


def program(
    name: str,
    reads: str,
    describe: str,
    cpp: str,
    inputs: base.Inputs,
    python: str,
    *,
    family: str = '',
    **constants: tuple[Any, ...],
) -> Template:
  """Makes the template of a program.

  Args:
    name: of the template.
    reads: what it reads, as C++ parameters, e.g. `int a, int b`.
    describe: the description.
    cpp: the statements after reading.
    inputs: draws argument tuples, written on one line.
    python: what it prints for them, as a string.
    family: by default the name.
    **constants: the choices of each constant, all equally many.
  """
  return Template(
      name=name,
      family=family or name,
      describe=describe,
      returns='',
      arguments=_arguments(reads),
      cpp=cpp,
      python=python,
      inputs=inputs,
      constants=_choices(constants),
  )


def _arguments(text: str) -> tuple[tuple[str, str], ...]:
  return tuple(tuple(part.rsplit(' ', 1)) for part in text.split(', '))


def _choices(
    constants: Mapping[str, tuple[Any, ...]]
) -> tuple[Mapping[str, Any], ...]:
  if not constants:
    return ({},)
  return tuple(
      dict(zip(constants, choice, strict=True))
      for choice in zip(*constants.values(), strict=True)
  )
