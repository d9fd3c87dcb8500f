"""Wrong versions of a right program: do its tests see the difference?"""

import ast
from collections.abc import Iterator

_COMPARISONS = {
    ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
}  # pyformat: disable
_OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd,
}  # pyformat: disable


def mutate(source: str) -> Iterator[str]:
  """Yields sources that differ from `source` in one place.

  The places are comparisons, operators, conditions, constants, calls (replaced
  by what they are called on), subscripts (dropped), list comprehensions
  (shortened), tuples and dictionaries (reversed). A mutant may still be right
  (`x - 0` for `x + 0`) or may not run at all.

  Args:
    source: of one function.

  Yields:
    Full sources.
  """
  count = sum(1 for _ in ast.walk(ast.parse(source)))
  for i in range(count):
    choice = 0
    while True:
      tree = ast.parse(source)
      node = list(ast.walk(tree))[i]
      options = list(_options(node))
      if choice >= len(options):
        break
      tree = _Replace(node, options[choice]).visit(tree)
      yield ast.unparse(ast.fix_missing_locations(tree)) + '\n'
      choice += 1


class _Replace(ast.NodeTransformer):
  """Puts one node in the place of another."""

  def __init__(self, old: ast.AST, new: ast.AST):
    self._old = old
    self._new = new

  def visit(self, node: ast.AST) -> ast.AST:
    return self._new if node is self._old else self.generic_visit(node)


def _options(node: ast.AST) -> Iterator[ast.AST]:
  """Yields what a node may wrongly be replaced by."""
  match node:
    case ast.Compare():
      for i, operator in enumerate(node.ops):
        for other in _COMPARISONS[type(operator)]:
          ops = [*node.ops[:i], other(), *node.ops[i + 1:]]
          yield ast.Compare(node.left, ops, node.comparators)
    case ast.BinOp(op=operator) if type(operator) in _OPERATORS:
      yield ast.BinOp(node.left, _OPERATORS[type(operator)](), node.right)
    case ast.AugAssign(op=operator) if type(operator) in _OPERATORS:
      yield ast.AugAssign(
          node.target, _OPERATORS[type(operator)](), node.value
      )
    case ast.BoolOp():
      other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
      yield ast.BoolOp(other, node.values)
    case ast.UnaryOp():
      yield node.operand
    case ast.IfExp():
      yield ast.IfExp(node.test, node.orelse, node.body)
    case ast.If():
      yield ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
    case ast.Constant(value=bool()):
      yield ast.Constant(not node.value)
    case ast.Constant(value=int() | float()):
      yield ast.Constant(node.value + 1)
      yield ast.Constant(node.value - 1)
    case ast.Constant(value=str()):
      yield ast.Constant(node.value + 'x')
    case ast.Call(func=ast.Attribute(value=receiver)):
      yield receiver
    case ast.Call(args=[first, *_]) if not isinstance(first, ast.Starred):
      yield first
    case ast.Subscript(ctx=ast.Load()):
      yield node.value
    case ast.ListComp():
      yield ast.Subscript(node, ast.Slice(ast.Constant(1)), ast.Load())
    case ast.Dict():
      yield ast.Dict(node.keys[::-1], node.values[::-1])
    case ast.Tuple(ctx=ast.Load()):
      yield ast.Tuple(node.elts[::-1], ast.Load())
