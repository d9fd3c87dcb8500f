"""Tests of canonical forms."""

import ast
import textwrap

from absl.testing import absltest
from absl.testing import parameterized

from swm_jax.evaluation import canonical

_BASE = 'def f(a, n):\n  return [x for x in a if x > n]\n'


class CanonicalTest(parameterized.TestCase):

  @parameterized.named_parameters(
      ('function', 'def keep(a, n):\n  return [x for x in a if x > n]'),
      ('arguments', 'def f(values, k):\n  return [x for x in values if x > k]'),
      ('locals', 'def f(a, n):\n  return [item for item in a if item > n]'),
      ('swapped', 'def f(n, a):\n  return [a0 for a0 in n if a0 > a]'),
      ('layout',
       'def f(a,n):\n    # Keep.\n    return [\n x for x in a if (x>n)]'),
      ('docstring',
       'def f(a, n):\n  """Keep."""\n  return [x for x in a if x > n]'),
      ('annotations',
       'def f(a: list[int], n: int) -> list[int]:\n'
       '  return [x for x in a if x > n]'),
      ('shadowing', 'def f(a, n):\n  return [a for a in a if a > n]'),
  )
  def test_what_does_not_matter_is_gone(self, source):
    self.assertEqual(
        canonical.normalised_ast(source), canonical.normalised_ast(_BASE)
    )

  @parameterized.named_parameters(
      ('operator', 'def f(a, n):\n  return [x for x in a if x >= n]'),
      ('order', 'def f(n, a):\n  return [x for x in a if x > n]'),
      ('constant', 'def f(a, n):\n  return [x for x in a if x > 0]'),
      ('builtin', 'def f(a, n):\n  return list(x for x in a if x > n)'),
      ('element', 'def f(a, n):\n  return [n for x in a if x > n]'),
  )
  def test_what_matters_stays(self, source):
    self.assertNotEqual(
        canonical.normalised_ast(source), canonical.normalised_ast(_BASE)
    )

  def test_two_comprehensions_may_share_a_name_or_not(self):
    form = lambda second: canonical.normalised_ast(
        f'def f(a, b):\n  return [x for x in a] + [{second} for {second} in b]'
    )
    self.assertEqual(form('x'), form('y'))

  def test_constants_are_abstracted_on_request_alone(self):
    forms = lambda constants, abstract: {
        canonical.normalised_ast(f'def f(a):\n  return a[{c}]', abstract)
        for c in constants
    }
    self.assertLen(forms(('3', '4', '0.5'), False), 3)
    self.assertLen(forms(('3', '4', '0.5'), True), 1)
    self.assertLen(forms(("'a'", "'b'", "b'c'"), True), 1)
    # What changes the function stays.
    self.assertLen(forms(('1', '-1', "'1'", 'True', 'False', 'None'), True), 6)

  def test_constants_of_other_types_differ(self):
    forms = {
        canonical.normalised_ast(f'def f():\n  return {c}')
        for c in ('1', '1.0', 'True', "'1'", "b'1'")
    }
    self.assertLen(forms, 5)

  def test_every_binding_construct_is_renamed(self):
    source = textwrap.dedent('''
        import math as m
        def outer(a, *rest, k=1, **more):
          total: int = 0
          for i, (x, y) in enumerate(a):
            total += x
          with open(y) as file:
            pass
          try:
            inner = lambda z, w=k: z + w + total
          except ValueError as error:
            raise error
          def nested(q):
            nonlocal total
            total = q
            return nested
          while (step := m.floor(total)) > 3:
            del rest
          match a:
            case [head, *tail]:
              return {p: head for p in tail}
            case {'k': got, **others}:
              return got, others
          return inner, more, file, i, step
    ''')
    names = [
        'm', 'outer', 'a', 'rest', 'k', 'more', 'total', 'i', 'x', 'y', 'file',
        'inner', 'z', 'w', 'error', 'nested', 'q', 'step', 'head', 'tail', 'p',
        'got', 'others',
    ]

    class Prefix(ast.NodeTransformer):
      """Renames everything by hand, scope or no scope."""

      def generic_visit(self, node):
        for field, value in ast.iter_fields(node):
          if isinstance(node, ast.keyword) or field == 'attr':
            continue
          if isinstance(value, str) and value in names and not isinstance(
              node, ast.Constant
          ):
            setattr(node, field, f'other_{value}')
          if field == 'names' and isinstance(node, ast.Nonlocal):
            node.names = [f'other_{n}' for n in value]
        return super().generic_visit(node)

    renamed = ast.unparse(Prefix().visit(ast.parse(source)))
    self.assertIn('other_total', renamed)
    form = canonical.normalised_ast(source)
    self.assertEqual(canonical.normalised_ast(renamed), form)
    self.assertIn("'floor'", form)
    for name in names:
      if len(name) > 1:
        self.assertNotIn(f"'{name}'", form)

  @parameterized.parameters(
      'def f(:', 'x = "\x00"', 'return' + '(' * 300, 'f' + '(' * 90 + ')' * 90,
      '+' .join(['x'] * 100_000),
  )
  def test_whatever_is_not_parsed_is_a_syntax_error_or_has_a_form(self, source):
    try:
      canonical.normalised_ast(source)
    except SyntaxError:
      pass

  def test_size_counts_nodes(self):
    tree = canonical.normalised_tree('def f(a): return len(a)')
    # Module, FunctionDef, arguments, arg, Return, Call, Name, Name.
    self.assertEqual(canonical.size(tree), 8)


class OtherLanguagesTest(parameterized.TestCase):

  @parameterized.parameters(
      (
          'cpp',
          'int f(int a) {\n  // twice\n  return a*2; /* ! */\n}',
          'int f(int a) { return a * 2; }',
      ),
      ('coq', 'Proof. (* by (* nested *) cases *)\n auto. Qed.',
       'Proof.\nauto.\nQed.'),
      ('circuits', 'assign y = a&b; // both', 'assign  y=a & b;'),
      ('metamath', 'ax-mp  $.\n', 'ax-mp $.'),
      ('python', 'def f(a): return a  # itself', 'def g(b):\n  return b'),
  )
  def test_comments_and_layout_make_no_difference(self, domain, one, other):
    self.assertEqual(canonical.form(one, domain), canonical.form(other, domain))

  @parameterized.parameters(
      ('cpp', '#include <map>\nint x;', '#include <set>\nint x;'),
      ('coq', 'apply plus_comm.', 'apply mult_comm.'),
      ('circuits', 'assign y = a;', 'assign y = b;'),
      ('smt', 'x + 1', 'x + 2'),
      ('python', 'return (', 'return ['),  # Neither is a program.
  )
  def test_names_and_what_is_included_make_one(self, domain, one, other):
    self.assertNotEqual(
        canonical.form(one, domain), canonical.form(other, domain)
    )


if __name__ == '__main__':
  absltest.main()
