"""The verifiers by name, each imported when it is asked for."""

import importlib
from typing import Any

from swm_jax.verifiers import pool as pool_lib

# Name: module of this package and class in it.
_CLASSES = {
    'python': ('python', 'PythonVerifier'),
    'cpp': ('cpp', 'CppVerifier'),
    'smt': ('smt', 'SmtVerifier'),
    'metamath': ('metamath', 'MetamathVerifier'),
    'coq': ('coq', 'CoqVerifier'),
    'lean': ('lean', 'LeanVerifier'),
    'circuits': ('circuits', 'CircuitsVerifier'),
    'molecular': ('molecular', 'MolecularVerifier'),
}
NAMES = tuple(_CLASSES)


def make(domain: str, **options: Any) -> pool_lib.Pooled:
  """Returns the verifier of a domain, its sandbox level chosen.

  Verifiers of opinion (`ensemble`) are not here: they need a model.

  Args:
    domain: one of `NAMES`.
    **options: `limits`, `require_level`, `allow_unsafe`; each has a default.

  Raises:
    ValueError: for an unknown domain.
    base.ToolMissing: if the domain's tool is not on this host.
    RuntimeError: if this host cannot isolate candidates.
  """
  if domain not in _CLASSES:
    raise ValueError(
        f'there is no verifier {domain!r}; use one of {", ".join(NAMES)}'
    )
  module, name = _CLASSES[domain]
  module = importlib.import_module(f'swm_jax.verifiers.{module}')
  return getattr(module, name)(**options)
