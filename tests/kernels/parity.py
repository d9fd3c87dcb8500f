"""Cases and comparison that every attention implementation is tested with."""

from collections.abc import Callable
import dataclasses
import functools
from typing import Any

import chex
import jax
import jax.numpy as jnp

from swm_jax.kernels.attention import masking
from swm_jax.kernels.attention import reference


@dataclasses.dataclass(frozen=True)
class Case:
  """Sizes, B T S H K D, and what is masked.

  Attributes:
    masks: names of `make_masks`, joined by '+'.
  """

  T: int
  S: int
  H: int = 2
  K: int = 1
  D: int = 64
  B: int = 1
  is_causal: bool = False
  masks: str = ''
  dtype: str = 'float32'


# Kernel blocks are 128 wide: most cases have two of them and a ragged end.
FAST = {
    'ragged': Case(T=150, S=200),
    'causal': Case(T=200, S=200, is_causal=True),
    'causal_longer_keys': Case(T=130, S=270, K=2, is_causal=True),
    'grouped_queries': Case(T=10, S=20, H=6, K=2, B=2, masks='per_head'),
    'segments': Case(T=200, S=200, B=2, is_causal=True, masks='segments'),
    'lengths': Case(T=10, S=200, B=3, masks='lengths'),
    'mask': Case(T=140, S=20, B=2, masks='per_head'),
    'fully_masked': Case(T=20, S=140, B=2, masks='fully_masked'),
    'head_size_128': Case(T=20, S=20, D=128, is_causal=True),
    'bfloat16': Case(T=140, S=140, is_causal=True, dtype='bfloat16'),
    'decode': Case(T=1, S=300, H=6, K=2, B=4, masks='lengths'),
}
SLOW = {
    'head_size_96': Case(T=140, S=140, D=96, is_causal=True),
    'head_size_256': Case(T=140, S=140, D=256, is_causal=True),
    'head_size_256_bfloat16': Case(T=140, S=140, D=256, dtype='bfloat16'),
    'exact_blocks': Case(T=256, S=256, is_causal=True),
    'causal_longer_queries': Case(T=270, S=130, is_causal=True),
    'mask_of_keys': Case(T=140, S=140, masks='keys'),
    'mask_of_queries': Case(T=140, S=140, B=2, masks='queries'),
    'mask_of_heads': Case(T=10, S=10, H=4, K=2, masks='heads'),
    'all_masks': Case(
        T=300,
        S=300,
        H=4,
        K=2,
        B=2,
        is_causal=True,
        masks='segments+lengths+per_head',
    ),
    'segments_bfloat16': Case(
        T=270, S=270, masks='segments', is_causal=True, dtype='bfloat16'
    ),
    'no_group': Case(T=140, S=140, H=2, K=2, is_causal=True),
    'one_query_with_mask': Case(T=1, S=140, H=4, masks='keys'),
    'one_slot': Case(T=1, S=1, masks='lengths'),
    'decode_bfloat16': Case(
        T=1, S=300, H=4, K=2, D=128, B=3, masks='lengths', dtype='bfloat16'
    ),
    'decode_head_size_96': Case(T=1, S=256, H=3, D=96, masks='lengths'),
    'decode_head_size_256': Case(T=1, S=140, D=256, masks='lengths'),
}
# Sums of a few hundred terms of size 1, and of values rounded to 8 bits.
_TOLERANCE = {'float32': 2e-5, 'bfloat16': 6e-2}


def make_inputs(case: Case) -> list[jax.Array]:
  """Returns query, key and value of standard normals."""
  keys = jax.random.split(jax.random.key(0), 3)
  shapes = (
      (case.B, case.T, case.H, case.D),
      (case.B, case.S, case.K, case.D),
      (case.B, case.S, case.K, case.D),
  )
  return [
      jax.random.normal(key, shape, case.dtype)
      for key, shape in zip(keys, shapes)
  ]


def make_masks(case: Case) -> dict[str, Any]:
  """Returns the api's arguments `mask`, `segments` and `lengths_B`."""
  B, T, S, H = case.B, case.T, case.S, case.H
  arguments = {'mask': None, 'segments': None, 'lengths_B': None}
  random = lambda *shape: jax.random.bernoulli(jax.random.key(7), 0.6, shape)
  for name in case.masks.split('+') if case.masks else ():
    if name == 'per_head':
      arguments['mask'] = random(B, H, T, S)
    elif name == 'heads':
      arguments['mask'] = jnp.arange(H)[None, :, None, None] % 2 == 0
    elif name == 'keys':
      arguments['mask'] = random(1, 1, 1, S)
    elif name == 'queries':
      arguments['mask'] = random(B, 1, T, 1)
    elif name == 'fully_masked':
      # All of row 0, and query 0 of row 1, see nothing.
      seen = jnp.ones((B, 1, T, S), bool).at[1, :, 0].set(False)
      arguments['mask'] = seen.at[0].set(False)
    elif name == 'segments':
      # Groups of 60 with a prompt and two branches, the last one padding.
      index = jnp.broadcast_to(jnp.arange(T)[None], (B, T))
      group = (T - 1) // 60 - index // 60 + jnp.arange(B)[:, None] % 2
      arguments['segments'] = (group, index % 60 // 20)
    elif name == 'lengths':
      # From an empty row to a full one.
      fractions = jnp.linspace(1.0, 0.0, B)
      arguments['lengths_B'] = (fractions * S).astype(jnp.int32)
    else:
      raise ValueError(f'no mask is called {name!r}')
  return arguments


def assert_segments_that_cannot_meet_are_not_computed(
    attend: Callable[..., Any], length: int
) -> None:
  """Spoils the keys of the second of two segments, of `length` tokens each."""
  group = jnp.repeat(jnp.array([[1, 2]]), length, axis=1)
  attend = jax.jit(
      functools.partial(
          attend,
          mask=None,
          is_causal=False,
          scale=1.0,
          segments=(group, jnp.zeros_like(group)),
      )
  )
  query, key, value = make_inputs(Case(T=2 * length, S=2 * length, H=1))
  clean = attend(query, key, value)
  key, value = (x.at[:, length:].set(jnp.nan) for x in (key, value))
  spoilt = attend(query, key, value)
  # A weight of 0 times NaN would be NaN.
  first = lambda outputs: jax.tree.map(lambda x: x[:, :length], outputs)
  chex.assert_trees_all_equal(first(clean), first(spoilt))


def make_step(attend: Callable[..., Any]) -> Callable[..., Any]:
  """Returns a function from inputs to ((out, lse), gradients).

  The loss has a cotangent on every element of out and on every finite lse.
  """

  def loss(*inputs):
    out, lse = attend(*inputs)
    phase = jnp.arange(out.size, dtype=jnp.float32).reshape(out.shape)
    total = (out.astype(jnp.float32) * jnp.cos(phase)).sum()
    finite = jnp.where(lse == -jnp.inf, 0.0, lse)
    return total + (finite * jnp.sin(phase[..., 0])).sum(), (out, lse)

  gradients = jax.grad(loss, argnums=(0, 1, 2), has_aux=True)
  return jax.jit(lambda *inputs: gradients(*inputs)[::-1])


def _scale(case):
  return 1.3 * case.D**-0.5


@functools.cache
def expected(case: Case):
  """Returns ((out, lse), gradients) of the reference in float32."""
  masks = make_masks(case)
  mask = masking.join(
      masks['mask'],
      masking.of_segments(masks['segments']),
      masking.of_lengths(masks['lengths_B'], case.S),
  )
  attend = functools.partial(
      reference.dot_product_attention,
      mask_BxHxTxS=mask,
      is_causal=case.is_causal,
      scale=_scale(case),
  )
  inputs = [x.astype(jnp.float32) for x in make_inputs(case)]
  return make_step(attend)(*inputs)


def assert_parity(
    attend: Callable[..., Any], case: Case, tolerance: float | None = None
):
  """Fails unless `attend` agrees with the reference.

  Args:
    attend: called like an entry of `api.IMPLEMENTATIONS`.
    case: what is compared: out, lse and all three gradients.
    tolerance: relative and absolute; default: that of the dtype.
  """
  inputs = make_inputs(case)
  attend = functools.partial(
      attend, **make_masks(case), is_causal=case.is_causal, scale=_scale(case)
  )
  outputs, gradients = make_step(attend)(*inputs)
  chex.assert_type(outputs[0], case.dtype)
  chex.assert_type(outputs[1], jnp.float32)
  chex.assert_trees_all_equal_dtypes(list(gradients), inputs)
  as_float = lambda tree: jax.tree.map(lambda x: x.astype(jnp.float32), tree)
  tolerance = tolerance or _TOLERANCE[case.dtype]
  chex.assert_trees_all_close(
      as_float((outputs, gradients)),
      expected(case),
      atol=tolerance,
      rtol=tolerance,
  )
