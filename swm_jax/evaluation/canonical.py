"""Canonical forms of candidates: what stays when names and layout are gone.

Two Python programs with one form differ in names of functions, arguments and
locals, in annotations, docstrings, comments and layout, and in nothing else.
Candidates of other domains keep their names. Dreams are deduplicated by these
forms, and contamination is looked for with them.
"""

import ast
import functools
import warnings

import pygments
from pygments import lexers
from pygments import token as token_lib

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# Fields outside ast.Name that hold the name of a variable.
_NAME_FIELDS = {
    ast.FunctionDef: 'name',
    ast.AsyncFunctionDef: 'name',
    ast.ClassDef: 'name',
    ast.arg: 'arg',
    ast.ExceptHandler: 'name',
    ast.alias: 'asname',
    ast.MatchAs: 'name',
    ast.MatchStar: 'name',
    ast.MatchMapping: 'rest',
}

# Domain of a problem: Pygments' name for the language of its candidates.
_LANGUAGES = {
    'cpp': 'cpp', 'coq': 'coq', 'lean': 'lean4', 'circuits': 'verilog',
}


def form(source: str, domain: str) -> str:
  """Returns what equal candidates of a domain share, as text.

  A Python program that does not parse is itself.
  """
  if domain == 'python':
    try:
      return normalised_ast(source)
    except SyntaxError:
      return source
  return ' '.join(tokens(source, domain))


def tokens(source: str, domain: str) -> list[str]:
  """Returns the tokens of a candidate, without comments and layout."""
  if domain not in _LANGUAGES:
    return source.split()
  comment = token_lib.Comment
  return [
      text
      for kind, text in pygments.lex(source, _lexer(_LANGUAGES[domain]))
      if text.strip() and (
          kind not in comment
          # To Pygments, directives are comments.
          or kind in comment.Preproc or kind in comment.PreprocFile
      )
  ]


@functools.cache
def _lexer(language: str):
  return lexers.get_lexer_by_name(language)


def normalised_tree(
    source: str, abstract_constants: bool = False
) -> ast.Module:
  """Parses a program and normalises its tree.

  Args:
    source: a program.
    abstract_constants: also replace every number by one mark and every string
      by another, so that two choices of a constant have one form. Signs, True,
      False and None stay: a[1:] and a[-1:] are not the same function.

  Raises:
    SyntaxError: if the source is not Python, whatever the reason the parser
      gives (null bytes, nesting too deep for it, ...).
  """
  try:
    with warnings.catch_warnings():
      warnings.simplefilter('ignore')  # Odd escapes in sampled programs.
      tree = ast.parse(source)
    tree = _Strip(abstract_constants).visit(tree)
    _Rename().visit(tree)
  except (ValueError, RecursionError, MemoryError) as error:
    raise SyntaxError(f'cannot be parsed: {error}') from error
  return tree


def normalised_ast(source: str, abstract_constants: bool = False) -> str:
  """Returns the canonical form as text; see `normalised_tree`."""
  return dump(normalised_tree(source, abstract_constants))


def dump(tree: ast.Module) -> str:
  """Returns a tree as text that tells any two trees apart."""
  try:
    return ast.dump(tree, annotate_fields=False)
  except RecursionError as error:
    raise SyntaxError('nested too deeply') from error


def unparse_body(tree: ast.Module) -> str:
  """Returns source of the statements, without the line of the definition."""
  try:
    return '\n'.join(
        ast.unparse(statement)
        for top in tree.body
        for statement in (
            top.body if isinstance(top, ast.FunctionDef) else [top]
        )
    )
  except RecursionError as error:
    raise SyntaxError('nested too deeply') from error


def size(tree: ast.AST) -> int:
  """Nodes of a tree without contexts: `def f(a): return len(a)` has 8."""
  return sum(not isinstance(n, ast.expr_context) for n in ast.walk(tree))


class _Strip(ast.NodeTransformer):
  """Drops docstrings and annotations; replaces constants if asked to."""

  def __init__(self, abstract_constants: bool):
    self._abstract = abstract_constants

  def visit_Expr(self, node):
    # A constant alone is a docstring or does nothing.
    return None if isinstance(node.value, ast.Constant) else self.generic_visit(
        node
    )

  def visit_AnnAssign(self, node):
    if node.value is None:
      return None
    return self.generic_visit(ast.Assign([node.target], node.value))

  def visit_FunctionDef(self, node):
    node.returns = None
    return self._with_body(node)

  visit_AsyncFunctionDef = visit_FunctionDef

  def visit_ClassDef(self, node):
    return self._with_body(node)

  def visit_arg(self, node):
    node.annotation = None
    return node

  def visit_Constant(self, node):
    value = node.value
    if self._abstract and type(value) in (int, float, complex):
      value = 'number'
    elif self._abstract and type(value) in (str, bytes):
      value = 'string'
    return ast.Constant(value)  # Without the `u` prefix.

  def _with_body(self, node):
    node = self.generic_visit(node)
    node.body = node.body or [ast.Pass()]
    return node


class _Rename(ast.NodeVisitor):
  """Numbers bound names by scope, in order of first binding.

  A scope continues the numbers of the one around it, so that two comprehensions
  side by side may or may not share a variable name without any difference.
  Names that the program does not bind (builtins, imported modules), attributes
  and keywords of calls stay.
  """

  def __init__(self):
    self._scopes: list[dict[str, str]] = []

  def visit_Module(self, node):
    self._in_scope(node.body, node.body)

  def visit_FunctionDef(self, node):
    for outer in (*node.decorator_list, *_defaults(node.args)):
      self.visit(outer)
    node.name = self._lookup(node.name)
    self._in_scope([*_arguments(node.args), *node.body])

  visit_AsyncFunctionDef = visit_FunctionDef

  def visit_Lambda(self, node):
    for outer in _defaults(node.args):
      self.visit(outer)
    self._in_scope([*_arguments(node.args), node.body])

  def _visit_comprehension(self, node):
    first = node.generators[0]
    self.visit(first.iter)  # Belongs to the scope outside.
    rest = [
        child
        for generator in node.generators
        for child in (generator.target, generator.iter, *generator.ifs)
        if child is not first.iter
    ]
    values = (
        [node.key, node.value]
        if isinstance(node, ast.DictComp) else [node.elt]
    )
    targets = [generator.target for generator in node.generators]
    self._in_scope(rest + values, targets)

  visit_ListComp = _visit_comprehension
  visit_SetComp = _visit_comprehension
  visit_DictComp = _visit_comprehension
  visit_GeneratorExp = _visit_comprehension

  def visit_Name(self, node):
    node.id = self._lookup(node.id)

  def visit_Global(self, node):
    node.names = [self._lookup(name) for name in node.names]

  visit_Nonlocal = visit_Global

  def generic_visit(self, node):
    field = _NAME_FIELDS.get(type(node))
    if field and getattr(node, field):
      setattr(node, field, self._lookup(getattr(node, field)))
    super().generic_visit(node)

  def _in_scope(self, nodes, binders=None):
    start = sum(map(len, self._scopes))
    names = dict.fromkeys(
        name for node in (binders or nodes) for name in _bound(node)
    )
    self._scopes.append({n: f'v{start + i}' for i, n in enumerate(names)})
    for node in nodes:
      self.visit(node)
    self._scopes.pop()

  def _lookup(self, name: str) -> str:
    for scope in reversed(self._scopes):
      if name in scope:
        return scope[name]
    return name


def _bound(node: ast.AST):
  """Yields the names that a node binds in the scope it stands in."""
  if isinstance(node, ast.Name):
    if isinstance(node.ctx, ast.Store):
      yield node.id
    return
  field = _NAME_FIELDS.get(type(node))
  if field and getattr(node, field):
    yield getattr(node, field)
  if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
    return
  inside_comprehension = isinstance(node, _COMPREHENSIONS)
  for child in ast.iter_child_nodes(node):
    if inside_comprehension:
      # Only := reaches out of a comprehension.
      yield from (
          n.target.id for n in ast.walk(child) if isinstance(n, ast.NamedExpr)
      )
    else:
      yield from _bound(child)


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
  return [
      *arguments.posonlyargs,
      *arguments.args,
      *filter(None, [arguments.vararg]),
      *arguments.kwonlyargs,
      *filter(None, [arguments.kwarg]),
  ]


def _defaults(arguments: ast.arguments) -> list[ast.expr]:
  return [*arguments.defaults, *filter(None, arguments.kw_defaults)]
