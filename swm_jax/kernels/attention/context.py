"""Ring attention: one sequence cut over the devices of a mesh axis.

Every device keeps its queries; keys and values travel around the ring and the
partial results are merged by log-sum-exp, so that no device ever holds a whole
sequence (https://arxiv.org/abs/2310.01889). The backward pass is a second ring,
in which the gradients of keys and values travel with them: from the final
log-sum-exp, p = exp(s - lse) and ds = p (dp - delta + dlse). Memory is
O(T / n) a device in both.

Under causality the holder of the first tokens would have least to do and all
would wait for the holder of the last. The sequence is therefore folded before
the ring: of 2n parts, device d takes parts d and 2n - 1 - d
(https://arxiv.org/abs/2311.09431), which costs two permutations of a shard and
leaves every device the same number of visible blocks in every turn but the
first, in which all have their diagonal. Blocks in which no query sees a key,
by causality or by segment, are skipped; what segments skip is as uneven as they
are.
"""

import dataclasses
import functools
import math
from typing import Any, NamedTuple

import jax
from jax import ad_checkpoint
import jax.numpy as jnp
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from swm_jax.kernels.attention import flash_problem
from swm_jax.kernels.attention import xla

# Largest side of a block of scores. Of 8 heads, XLA keeps such a block in the
# vector memory of a TPU v5e; on v5p it goes through HBM, as would smaller ones.
_CHUNK = 1024


@dataclasses.dataclass(frozen=True)
class _Ring:
  """What is static: the mesh, its axis, and what a score is."""

  mesh: Mesh
  axis: str
  is_causal: bool
  scale: float

  @property
  def size(self) -> int:
    return self.mesh.shape[self.axis]

  def shard_map(self, fn, in_specs, out_specs):
    return jax.shard_map(
        fn, mesh=self.mesh, in_specs=in_specs, out_specs=out_specs,
        check_vma=False,
    )


class _Tokens(NamedTuple):
  """What decides who sees whom, of chunks of tokens.

  Attributes:
    index_C: place in the whole sequence.
    segments: group and branch `[B, C]`, or None.
  """

  index_C: jax.Array
  segments: tuple[jax.Array, jax.Array] | None


def dot_product_attention(
    query_BxTxHxD: jax.Array,
    key_BxTxKxD: jax.Array,
    value_BxTxKxD: jax.Array,
    *,
    mesh: Mesh,
    axis: str = 'context',
    is_causal: bool,
    segments: tuple[jax.Array, jax.Array] | None = None,
    scale: float | None = None,
) -> tuple[jax.Array, jax.Array]:
  """Same as `api.dot_product_attention`, with T cut over a mesh axis.

  Arrays are global. T is cut over `axis`, B over data and fsdp and heads over
  tensor if those axes exist and divide them. A block of scores has at most 1024
  queries and keys; T / 2n should be a multiple of that, or no larger, or a
  divisor of it is taken as the block.

  Args:
    query_BxTxHxD: queries, floating point.
    key_BxTxKxD: keys, same dtype; K divides H.
    value_BxTxKxD: values, same shape and dtype as the keys.
    mesh: has the axis.
    axis: name of the axis; its n devices are the ring.
    is_causal: query t sees key s only if s <= t, by place in the sequence.
    segments: `(group_BxT, branch_BxT)` int32; see `api`.
    scale: factor on q k^T; default `D ** -0.5`.

  Returns:
    `(out_BxTxHxD, lse_BxTxH)`, both differentiable, cut like the queries.

  Raises:
    ValueError: a shape is wrong, the mesh has no such axis, or T is no multiple
      of 2n.
  """
  q, k, v = query_BxTxHxD, key_BxTxKxD, value_BxTxKxD
  if axis not in mesh.shape:
    raise ValueError(
        f'the mesh has axes {list(mesh.shape)} and no {axis!r} to cut the '
        'sequence over'
    )
  if q.ndim != 4 or k.ndim != 4 or v.shape != k.shape:
    raise ValueError(
        'ring attention takes query [B, T, H, D] and key, value [B, T, K, D]; '
        f'got {q.shape}, {k.shape}, {v.shape}'
    )
  B, T, H, D = q.shape
  K = k.shape[2]
  if k.shape != (B, T, K, D) or H % K:
    raise ValueError(
        f'query {q.shape} and key {k.shape} must agree in B, T and D, and the '
        f"query's {H} heads must be a multiple of the key's {K}"
    )
  if segments is not None and any(ids.shape != (B, T) for ids in segments):
    raise ValueError(
        f'segments take two arrays of [B, T] = {(B, T)}; got '
        f'{[ids.shape for ids in segments]}'
    )
  n = mesh.shape[axis]
  if T % (2 * n):
    raise ValueError(
        f'{T} tokens cannot be cut over {n} devices of mesh axis {axis!r}; '
        f'pad them to {-(-T // (2 * n)) * 2 * n}, a multiple of {2 * n}'
    )
  scale = D**-0.5 if scale is None else float(scale)
  ring = _Ring(mesh, axis, bool(is_causal), scale)
  rows, heads = _axes(mesh, B, K)
  specs = P(rows, axis, heads, None), P(rows, axis)

  fold = lambda x: _fold(ring, specs, x)
  out, lse = _attention(
      fold(q), fold(k), fold(v), jax.tree.map(fold, segments), ring, specs
  )
  return _fold(ring, specs, out, back=True), _fold(ring, specs, lse, back=True)


def _axes(mesh, B, K):
  """The mesh axes that cut rows and heads, or None."""
  rows = tuple(name for name in ('data', 'fsdp') if name in mesh.shape)
  rows = rows if B % math.prod(mesh.shape[name] for name in rows) == 0 else ()
  heads = 'tensor' in mesh.shape and K % mesh.shape['tensor'] == 0
  return rows or None, 'tensor' if heads else None


def _spec(specs, x):
  """Of `[B, T, H, D]`, `[B, T, H]` or `[B, T]`."""
  return P(*specs[0][: x.ndim])


def _fold(ring, specs, x_BxTx_, back=False):
  """Exchanges n consecutive parts of the sequence for n folded ones.

  Device i holds parts 2i and 2i + 1 of 2n. The even parts belong on n
  different devices once folded, and so do the odd: two permutations.
  """
  n = ring.size
  if n == 1:
    return x_BxTx_
  holder = lambda part: min(part, 2 * n - 1 - part)
  moves = [[(i, holder(2 * i + odd)) for i in range(n)] for odd in (0, 1)]

  def fold(x_BxLx_):
    device = jax.lax.axis_index(ring.axis)
    # The lower of a device's folded parts is part `device`, even if that is.
    swap = lambda a, b: jnp.where(device % 2 == 0, a, b)
    first, second = jnp.split(x_BxLx_, 2, axis=1)
    if back:
      first, second = swap(first, second), swap(second, first)
    first, second = (
        jax.lax.ppermute(
            part, ring.axis, [move[::-1] if back else move for move in pairs]
        )
        for part, pairs in zip((first, second), moves)
    )
    if not back:
      first, second = swap(first, second), swap(second, first)
    return jnp.concatenate([first, second], axis=1)

  spec = _spec(specs, x_BxTx_)
  # Differentiated as it stands, for which the types of axes must be checked.
  return jax.shard_map(
      fold, mesh=ring.mesh, in_specs=spec, out_specs=spec
  )(x_BxTx_)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4, 5))
def _attention(query, key, value, segments, ring, specs):
  """Returns `(out, lse)` of a folded sequence, folded."""
  local = functools.partial(_forward_ring, ring)
  args = (query, key, value, segments)
  return ring.shard_map(
      local,
      jax.tree.map(functools.partial(_spec, specs), args),
      (specs[0], P(*specs[0][:3])),
  )(*args)


def _forward(query, key, value, segments, ring, specs):
  out, lse = ad_checkpoint.checkpoint_name(
      _attention(query, key, value, segments, ring, specs), xla.OUTPUT
  )
  return (out, lse), (query, key, value, segments, out, lse)


def _backward(ring, specs, residuals, cotangents):
  query, key, value, segments, out, lse = residuals
  d_out, d_lse = cotangents
  # exp(-inf - 0) = 0: no weight, and so no gradient, in a fully masked row.
  lse = jnp.where(lse == -jnp.inf, 0.0, lse)
  delta = flash_problem.delta(d_out, out, d_lse)
  local = functools.partial(_backward_ring, ring)
  args = (query, key, value, segments, d_out, lse, delta)
  gradients = ring.shard_map(
      local,
      jax.tree.map(functools.partial(_spec, specs), args),
      (specs[0],) * 3,
  )(*args)
  return *gradients, None


_attention.defvjp(_forward, _backward)


def _forward_ring(ring, query, key, value, segments):
  """One device's part; arrays are `[B, L, ...]`, L = T / n."""
  shape, dtype = query.shape, query.dtype
  query, segments, device = _together(ring, query, segments)
  grouped = functools.partial(_grouped, key.shape[2])
  query, keys, segments = _cut((grouped(query), (key, value), segments))
  out = jnp.zeros(query.shape, jnp.float32)
  sums = out, jnp.full(query.shape[:-1], -jnp.inf)

  def turn(carry, i):
    keys, key_segments, sums = carry
    onward = _pass_on(ring, (keys, key_segments))
    key_tokens = _tokens(ring, shape[1], device - i, key_segments)

    def attend_chunk(_, chunk):
      query, tokens, sums = chunk

      def attend_pair(sums, chunk):
        (key, value), key_tokens = chunk
        attend = lambda seen: _merge(
            sums, _block(ring, query, key, value, seen)
        )
        return _if_seen(ring, tokens, key_tokens, attend, sums), None

      sums, _ = jax.lax.scan(attend_pair, sums, (keys, key_tokens))
      return None, sums

    tokens = _tokens(ring, shape[1], device, segments)
    _, sums = jax.lax.scan(attend_chunk, None, (query, tokens, sums))
    return (*onward, sums), None

  (_, _, sums), _ = jax.lax.scan(
      turn, (keys, segments, sums), jnp.arange(ring.size)
  )
  out, lse = sums
  return _join(out, shape).astype(dtype), _join(lse, shape[:3])


def _backward_ring(ring, query, key, value, segments, d_out, lse, delta):
  """Gradients of one device's queries, keys and values."""
  shape, key_shape = query.shape, key.shape
  dtypes = query.dtype, key.dtype, value.dtype
  query, segments, device = _together(ring, query, segments)
  grouped = functools.partial(_grouped, key_shape[2])
  queries = tuple(grouped(x) for x in (query, d_out, lse, delta))
  queries, keys, segments = _cut((queries, (key, value), segments))
  zeros = lambda x: jnp.zeros(x.shape, jnp.float32)
  d_query, d_keys = zeros(queries[0]), jax.tree.map(zeros, keys)

  def turn(carry, i):
    keys, key_segments, d_keys, d_query = carry
    onward = _pass_on(ring, (keys, key_segments))
    key_tokens = _tokens(ring, shape[1], device - i, key_segments)

    def attend_chunk(d_keys, chunk):
      queries, tokens, d_query = chunk

      def attend_pair(d_query, chunk):
        keys, key_tokens, d_keys = chunk
        attend = lambda seen: jax.tree.map(
            jnp.add,
            (d_query, d_keys),
            _block_gradients(ring, *queries, *keys, seen),
        )
        return _if_seen(ring, tokens, key_tokens, attend, (d_query, d_keys))

      d_query, d_keys = jax.lax.scan(
          attend_pair, d_query, (keys, key_tokens, d_keys)
      )
      return d_keys, d_query

    tokens = _tokens(ring, shape[1], device, segments)
    d_keys, d_query = jax.lax.scan(
        attend_chunk, d_keys, (queries, tokens, d_query)
    )
    return (*onward, _pass_on(ring, d_keys), d_query), None

  (_, _, d_keys, d_query), _ = jax.lax.scan(
      turn, (keys, segments, d_keys, d_query), jnp.arange(ring.size)
  )
  d_query = _join(d_query, shape)
  d_key, d_value = (_join(x, key_shape) for x in d_keys)
  return tuple(
      x.astype(dtype) for x, dtype in zip((d_query, d_key, d_value), dtypes)
  )


def _pass_on(ring, tree):
  """Sends everything to the next device; n times brings it home."""
  n = ring.size
  return jax.lax.ppermute(tree, ring.axis, [(i, (i + 1) % n) for i in range(n)])


def _chunk(L):
  """Tokens of a chunk: a divisor of the half of L that is consecutive."""
  half = L // 2
  parts = -(-half // _CHUNK)
  while half % parts:
    parts += 1
  return half // parts


def _grouped(K, x_BxLxH_):
  """Heads H to `[K, H / K]`."""
  B, L, H, *rest = x_BxLxH_.shape
  return x_BxLxH_.reshape(B, L, K, H // K, *rest)


def _cut(tree):
  """Every `[B, L, ...]` to chunks `[N, B, C, ...]`."""

  def cut(x_BxL_):
    B, L, *rest = x_BxL_.shape
    return jnp.moveaxis(x_BxL_.reshape(B, -1, _chunk(L), *rest), 1, 0)

  return jax.tree.map(cut, tree)


def _join(x_NxBxCx_, shape):
  return jnp.moveaxis(x_NxBxCx_, 0, 1).reshape(shape)


def _tokens(ring, L, holder, segments):
  """Of the chunks that `holder` has at first, `[N, ...]`."""
  n, half = ring.size, L // 2
  parts = jnp.stack([holder % n, 2 * n - 1 - holder % n]).astype(jnp.int32)
  index_2xM = parts[:, None] * half + jnp.arange(half, dtype=jnp.int32)[None]
  return _Tokens(index_2xM.reshape(-1, _chunk(L)), segments)


def _together(ring, query, segments):
  """Returns them and the device's place, none known without the others.

  In a loop over layers, what does not depend on the layer is computed once and
  kept: here that would be the masks of all blocks, T^2 / n in all.
  """
  device = jax.lax.axis_index(ring.axis)
  return jax.lax.optimization_barrier((query, segments, device))


def _if_seen(ring, queries: _Tokens, keys: _Tokens, attend, otherwise: Any):
  """`attend(seen_BxCxC)`, or what there was if no query sees a key."""
  seen = None
  if ring.is_causal:
    seen = (queries.index_C[:, None] >= keys.index_C[None])[None]
  if queries.segments is not None:
    q = [ids[:, :, None] for ids in queries.segments]
    k = [ids[:, None, :] for ids in keys.segments]
    same = (q[0] == k[0]) & (k[0] > 0) & ((k[1] == 0) | (k[1] == q[1]))
    seen = same if seen is None else same & seen
  if seen is None:
    return attend(None)
  return jax.lax.cond(seen.any(), attend, lambda _: otherwise, seen)


def _dot(spec, *args):
  return jnp.einsum(spec, *args, preferred_element_type=jnp.float32)


def _scores(ring, query, key, seen):
  scores_BxKxGxCxE = ring.scale * _dot('bckgd,bekd->bkgce', query, key)
  if seen is None:
    return scores_BxKxGxCxE
  return jnp.where(seen[:, None, None], scores_BxKxGxCxE, -jnp.inf)


def _block(ring, query, key, value, seen):
  """Returns float32 (out `[B, C, K, G, D]`, lse `[B, C, K, G]`)."""
  scores = _scores(ring, query, key, seen)
  top = scores.max(axis=-1, keepdims=True)
  # A fully masked row has maximum -inf; 0 there keeps exp(-inf - 0) = 0.
  top = jnp.where(top == -jnp.inf, 0.0, top)
  weights = jnp.exp(scores - top)
  total = jnp.moveaxis(weights.sum(axis=-1), -1, 1)
  out = _dot('bkgce,bekd->bckgd', weights.astype(value.dtype), value)
  out /= jnp.where(total == 0.0, 1.0, total)[..., None]
  return out, jnp.log(total) + jnp.moveaxis(top[..., 0], -1, 1)


def _merge(ours, theirs):
  """Attention over the keys of both."""
  lse = jnp.logaddexp(ours[1], theirs[1])
  finite = jnp.where(lse == -jnp.inf, 0.0, lse)
  weigh = lambda out, part: out * jnp.exp(part - finite)[..., None]
  return weigh(*ours) + weigh(*theirs), lse


def _block_gradients(ring, query, d_out, lse, delta, key, value, seen):
  """Returns float32 (d_query, (d_key, d_value)) of one pair of chunks."""
  heads_first = lambda x: jnp.moveaxis(x, 1, -1)[..., None]
  weights = jnp.exp(_scores(ring, query, key, seen) - heads_first(lse))
  d_weights = _dot('bckgd,bekd->bkgce', d_out, value)
  d_scores = ring.scale * weights * (d_weights - heads_first(delta))
  d_scores, weights = (x.astype(query.dtype) for x in (d_scores, weights))
  d_query = _dot('bkgce,bekd->bckgd', d_scores, key)
  d_key = _dot('bkgce,bckgd->bekd', d_scores, query)
  d_value = _dot('bkgce,bckgd->bekd', weights, d_out)
  return d_query, (d_key, d_value)
