"""The log of every trajectory: an ArrayRecord data set that tfds can open.

Records are appended in waves. A wave is one shard, durable and visible at once
or not at all, so a log killed at any moment holds whole waves and is continued
by asking for `num_waves`. Anyone can read a finished log, without TensorFlow:

  tfds.builder_from_directory(directory).as_data_source('train')
"""

from collections.abc import Iterator, Mapping, Sequence
import hashlib
import os
import pathlib
import shutil
from typing import Any

from array_record.python import array_record_module
import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import example_parser
from tensorflow_datasets.core import example_serializer

from swm_jax import durable
from swm_jax import types

Record = dict[str, Any]

_NAME = 'trajectory_log'
_VERSION = '1.3.0'
_SHARD = _NAME + '-train.array_record-{:05d}'
# The record's own template for tfds: no count of shards in the names, because
# the count is not known when the first shard becomes visible.
_TEMPLATE = '{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_INDEX}'
_FLOAT16_MAX = float(np.finfo(np.float16).max)
ORIGINS = (
    'sample', 'proposal', 'hint', 'reference_hint', 'hindsight', 'behaviour',
)
# What differs between two runs of one program on one candidate: clocks, and
# messages that may quote addresses or temporary names.
_NOT_CONTENT = ('cpu_seconds', 'wall_seconds', 'detail')


def index_dtype(vocab_size: int) -> type[np.integer]:
  """The smallest type that stored token ids fit in."""
  return np.uint16 if vocab_size <= 65_536 else np.int32


def features(vocab_size: int) -> tfds.features.FeaturesDict:
  """Returns the schema of a record.

  Letters: P prompt tokens, T completion tokens, K stored logits, L tapped
  layers, D model width. All of them may vary between records.

  z_past, the distribution that each token was drawn from, is there twice.
  `top_k` can be read as it is. `hidden` is all of it, and needs the output
  table of the weights that decoded: the snapshot, or initial model, whose
  digest is `weights_digest`, which for a dream names LoRA weights on top of the
  night's, whose table they leave alone. With any other table it is wrong.

  `origin`: drawn for this prompt (`sample`, or `proposal` if the model proposed
  the problem); begun by a verified answer or the written reference (`hint`,
  `reference_hint`); drawn for another problem (`hindsight`, or `behaviour` if
  this one was made of what they do). In the last four key, logits, hidden
  states and latents are empty.

  Args:
    vocab_size: token ids of stored logits take two bytes up to 65,536, four
      beyond.
  """
  def tensor(dtype, *shape):
    # tfds loses the shape of an array that encodes to no bytes at all, which
    # matters where more than one dimension is free; zlib never gives none.
    encoding = 'zlib' if shape.count(None) > 1 else 'bytes'
    return tfds.features.Tensor(shape=shape, dtype=dtype, encoding=encoding)

  text = tfds.features.Text
  return tfds.features.FeaturesDict({
      'problem': text(doc='Problem id.'),
      'type': text(doc='Problem type.'),
      'template': text(doc='Problem template.'),
      'prompt': text(doc='Exact text given to the model.'),
      'prompt_tokens': tensor(np.int32, None),
      'tokens': tensor(np.int32, None),
      'text': text(doc='Completion, cut at the stop.'),
      'log_prob': tensor(np.float32, None),
      'log_prob_behaviour': tensor(np.float32, None),
      'temperature': np.float32,
      'top_k': {
          'values': tensor(np.float16, None, None),
          'indices': tensor(index_dtype(vocab_size), None, None),
          'log_rest': tensor(np.float32, None),
      },
      'hidden': {
          'codes': tensor(np.int8, None, None),
          'scale': tensor(np.float32, None),
      },
      'latents': tensor(np.float16, None, 2, None),
      'stopped': np.bool_,
      'verdict': {
          'status': text(doc='pass, fail or error.'),
          'reason': text(),
          'verifier': text(),
          'version': text(),
          'isolation': text(),
          'cpu_seconds': np.float64,
          'wall_seconds': np.float64,
          'detail': text(),
          'score': np.float64,
          'weak': np.bool_,
      },
      'weights_digest': text(doc='SHA-256 of the weights that decoded.'),
      'key': tensor(np.uint32, None),
      'perturbation': {'step_size': np.float32, 'noise': np.float32},
      'phase': text(doc='wake or rem.'),
      'night': np.int64,
      'origin': text(doc='One of ORIGINS.'),
  })


def record(
    trajectories: types.Trajectories,
    row: int,
    *,
    problem: types.Problem,
    text: str,
    verdict: types.Verdict,
    temperature: float,
    weights_digest: str,
    key: np.ndarray,
    phase: str,
    night: int,
    step_size: float = 0.0,
    noise: float = 0.0,
    origin: str = 'sample',
) -> Record:
  """Builds the log's record of one row of decoded trajectories.

  Args:
    trajectories: numpy leaves, `[B, T]`.
    row: which of the B.
    problem: what was asked.
    text: the completion cut at the stop.
    verdict: what the verifier said of it.
    temperature: of the draw; 0 is greedy.
    weights_digest: `snapshots.digest` of the weights that decoded.
    key: `jax.random.key_data` of the row's key, uint32.
    phase: `wake` or `rem`.
    night: counted from 0.
    step_size: Langevin step on the prompt's latents; 0 is the clean path.
    noise: Langevin noise temperature.
    origin: one of `ORIGINS`.

  Returns:
    A record without padding; its top-K logits and latents are float16, the
    latents clipped to that type's range.

  Raises:
    ValueError: the origin is unknown.
  """
  if origin not in ORIGINS:
    raise ValueError(f'origin={origin!r} is unknown; use one of {ORIGINS}')
  length = int(np.sum(trajectories.mask[row]))
  prompt_length = int(trajectories.prompt_length[row])
  if trajectories.top_k is None:
    top_k = types.TopKLogits(
        np.zeros((length, 0)), np.zeros((length, 0)), np.zeros(length)
    )
  else:
    top_k = types.TopKLogits(
        values=trajectories.top_k.values[row, :length],
        indices=trajectories.top_k.indices[row, :length],
        log_rest=trajectories.top_k.log_rest[row, :length],
    )
  if trajectories.hidden is None:
    hidden = types.QuantisedHidden(np.zeros((length, 0)), np.zeros(length))
  else:
    hidden = types.QuantisedHidden(
        codes=trajectories.hidden.codes[row, :length],
        scale=trajectories.hidden.scale[row, :length],
    )
  latents = np.clip(trajectories.latents[row], -_FLOAT16_MAX, _FLOAT16_MAX)
  return {
      'problem': problem.id,
      'type': problem.type,
      'template': problem.template,
      'prompt': problem.prompt,
      'prompt_tokens': trajectories.prompt_tokens[row, :prompt_length],
      'tokens': trajectories.tokens[row, :length],
      'text': text,
      'log_prob': trajectories.log_prob[row, :length],
      'log_prob_behaviour': trajectories.log_prob_behaviour[row, :length],
      'temperature': temperature,
      'top_k': {
          # A logit of -inf (a token ruled out) has no float16 but this one.
          'values': np.maximum(top_k.values, -_FLOAT16_MAX),
          'indices': top_k.indices,
          'log_rest': top_k.log_rest,
      },
      'hidden': {'codes': hidden.codes, 'scale': hidden.scale},
      'latents': latents,
      'stopped': bool(trajectories.stopped[row]),
      'verdict': {
          'status': verdict.status,
          'reason': verdict.reason,
          'verifier': verdict.verifier,
          'version': verdict.version,
          'isolation': verdict.isolation,
          'cpu_seconds': verdict.cpu_seconds,
          'wall_seconds': verdict.wall_seconds,
          'detail': verdict.detail,
          'score': verdict.score,
          'weak': verdict.weak,
      },
      'weights_digest': weights_digest,
      'key': np.asarray(key),
      'perturbation': {'step_size': step_size, 'noise': noise},
      'phase': phase,
      'night': night,
      'origin': origin,
  }


def quantised_hidden(entry: Record) -> types.QuantisedHidden:
  """Returns a record's final hidden states, `[T, D]` and `[T]`.

  They make logits with the output table of the weights named by the record's
  `weights_digest` and no other.

  Raises:
    ValueError: the decoder recorded none.
  """
  codes = entry['hidden']['codes']
  if not codes.shape[1]:
    raise ValueError(
        f'the record of {entry["problem"]} has no hidden states; decode with'
        ' record_hidden'
    )
  return types.QuantisedHidden(codes, entry['hidden']['scale'])


def top_k_logits(entry: Record) -> types.TopKLogits:
  """Returns a record's top logits in computing types, `[T, K]`, `[T]`."""
  stored = entry['top_k']
  return types.TopKLogits(
      values=stored['values'].astype(np.float32),
      indices=stored['indices'].astype(np.int32),
      log_rest=stored['log_rest'].astype(np.float32),
  )


def _conform(feature, value):
  """Casts arrays to the schema's dtypes; tfds checks and does not cast."""
  if isinstance(feature, tfds.features.FeaturesDict):
    if set(feature) != set(value):
      different = sorted(set(feature) ^ set(value))
      raise ValueError(f'a record lacks or has unknown fields: {different}')
    return {name: _conform(feature[name], value[name]) for name in feature}
  if isinstance(feature, tfds.features.Text):
    return value
  if isinstance(feature, tfds.features.Scalar) or not feature.shape:
    return np.asarray(value).astype(feature.np_dtype)[()]
  return np.ascontiguousarray(value, dtype=feature.np_dtype)


def _leaves(value, path=()) -> Iterator[tuple[tuple[str, ...], Any]]:
  if isinstance(value, Mapping):
    for name in sorted(value):
      yield from _leaves(value[name], (*path, name))
  else:
    yield path, value


def _to_text(value):
  if isinstance(value, Mapping):
    return {name: _to_text(item) for name, item in value.items()}
  return value.decode() if isinstance(value, bytes) else value


def _shards(directory: pathlib.Path) -> list[pathlib.Path]:
  """Returns the shards in order of writing.

  Raises:
    FileNotFoundError: if there is no log, or a shard between the first and the
      last is missing.
  """
  if not (directory / 'features.json').exists():
    raise FileNotFoundError(f'there is no trajectory log in {directory}')
  found = sorted(directory.glob(_SHARD.format(0)[:-5] + '[0-9]' * 5))
  for wave, path in enumerate(found):
    expected = directory / _SHARD.format(wave)
    if path != expected:
      raise FileNotFoundError(
          f'{expected} is missing although {found[-1].name} is there; restore'
          ' it, or remove the later shards to have them written again'
      )
  return found


def _read_shard(path: pathlib.Path) -> list[bytes]:
  try:
    reader = array_record_module.ArrayRecordReader(os.fspath(path))
    try:
      return reader.read_all()
    finally:
      reader.close()
  except RuntimeError as error:
    raise durable.CorruptError(
        f'{path} is corrupt and cannot be read; restore it, or remove it and'
        ' all later shards'
    ) from error


class TrajectoryLog:
  """Appends waves of records to a directory; safe to kill at any moment."""

  def __init__(self, directory: str | os.PathLike, *, vocab_size: int):
    """Opens a log for appending, made if new, and removes half-written waves.

    Args:
      directory: holds this log and nothing else.
      vocab_size: of the model; decides how wide stored token ids are.

    Raises:
      ValueError: if a log with another schema is already there.
    """
    self._directory = pathlib.Path(directory)
    self._directory.mkdir(parents=True, exist_ok=True)
    durable.remove_partial(self._directory)
    self._features = features(vocab_size)
    self._write_schema()
    self._serializer = example_serializer.ExampleSerializer(
        self._features.get_serialized_info()
    )
    self._num_waves = len(_shards(self._directory))

  def _write_schema(self) -> None:
    path = self._directory / 'features.json'
    scratch = durable.partial(self._directory / 'schema')
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
      self._features.save_config(os.fspath(scratch))
      schema = (scratch / 'features.json').read_bytes()
    finally:
      shutil.rmtree(scratch)
    if not path.exists():
      durable.write_bytes(path, schema)
    elif path.read_bytes() != schema:
      raise ValueError(
          f'{path} describes other records than this program writes (another'
          ' vocabulary or version); use another work directory'
      )

  @property
  def num_waves(self) -> int:
    """Waves that are durable; the next one to write has this index."""
    return self._num_waves

  @property
  def finalized(self) -> bool:
    """Whether the log is complete and open to third parties."""
    return (self._directory / 'dataset_info.json').exists()

  def append_wave(self, records: Sequence[Record]) -> int:
    """Makes one wave durable and returns its index.

    Args:
      records: at least one; see `record`.

    Raises:
      ValueError: if there are no records, a field is missing or of the wrong
        rank, or the log is finalized.
      OSError: if the disk does not take the wave; the log stays as it was.
    """
    if not records:
      raise ValueError('a wave has at least one record')
    if self.finalized:
      raise ValueError(f'{self._directory} is finalized; nothing can be added')
    encoded = [
        self._serializer.serialize_example(
            self._features.encode_example(_conform(self._features, entry))
        )
        for entry in records
    ]
    path = self._directory / _SHARD.format(self._num_waves)
    partial = durable.partial(path)
    try:
      # One record a chunk: readers fetch single records at random.
      writer = array_record_module.ArrayRecordWriter(
          os.fspath(partial), 'group_size:1'
      )
      for entry in encoded:
        writer.write(entry)
      writer.close()
    except RuntimeError as error:
      partial.unlink(missing_ok=True)
      raise OSError(
          f'cannot write {path}: {str(error).split(";")[0]}'
      ) from error
    durable.publish(path)
    self._num_waves += 1
    return self._num_waves - 1

  def finalize(self) -> None:
    """Writes the metadata by which tfds opens the log; may be repeated."""
    lengths, num_bytes = [], 0
    for path in _shards(self._directory):
      lengths.append(len(_read_shard(path)))
      num_bytes += path.stat().st_size
    info = tfds.core.DatasetInfo(
        builder=tfds.core.dataset_info.DatasetIdentity(
            name=_NAME,
            version=tfds.core.Version(_VERSION),
            data_dir=os.fspath(self._directory),
            module_name=__name__,
        ),
        description='Verified and unverified trajectories of one phase.',
        features=self._features,
    )
    info.set_file_format(tfds.core.FileFormat.ARRAY_RECORD)
    info.set_splits(tfds.core.splits.SplitDict([
        tfds.core.SplitInfo(
            name='train',
            shard_lengths=lengths,
            num_bytes=num_bytes,
            filename_template=tfds.core.ShardedFileTemplate(
                dataset_name=_NAME,
                data_dir=self._directory,
                split='train',
                filetype_suffix='array_record',
                template=_TEMPLATE,
            ),
        )
    ]))
    scratch = durable.partial(self._directory / 'info')
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
      info.write_dataset_info_json(scratch)
      content = (scratch / 'dataset_info.json').read_bytes()
    finally:
      shutil.rmtree(scratch)
    durable.write_bytes(self._directory / 'dataset_info.json', content)


def read(directory: str | os.PathLike) -> Iterator[Record]:
  """Yields the records of a log in order of writing, finalized or not.

  Args:
    directory: of the log.

  Yields:
    Dictionaries of numpy arrays, numbers and str, in the shape of `features`.

  Raises:
    FileNotFoundError: if there is no log, or a shard is missing.
    ValueError: if a shard is corrupt; the message names it.
  """
  for wave in range(len(_shards(pathlib.Path(directory)))):
    yield from read_wave(directory, wave)


def read_wave(directory: str | os.PathLike, wave: int) -> list[Record]:
  """Returns the records of one wave of a log; otherwise as `read`."""
  directory = pathlib.Path(directory)
  schema = tfds.features.FeatureConnector.from_config(os.fspath(directory))
  parser = example_parser.ExampleParserNp(schema.get_serialized_info())
  path = _shards(directory)[wave]
  return [
      _to_text(schema.decode_example_np(parser.parse_example(encoded)))
      for encoded in _read_shard(path)
  ]


def content_digest(directory: str | os.PathLike) -> str:
  """Returns the SHA-256 of a log's content, as hexadecimal digits.

  Equal on every machine and for every way of cutting the records into waves.
  Clock times and the verdict's free text are left out: they are the run's, not
  the record's.
  """
  digest = hashlib.sha256()

  def update(data: bytes) -> None:
    digest.update(len(data).to_bytes(8, 'little'))  # No two streams alike.
    digest.update(data)

  for entry in read(directory):
    for path, value in _leaves(entry):
      if path[-1] in _NOT_CONTENT:
        continue
      update('/'.join(path).encode())
      if isinstance(value, str):
        update(value.encode())
      else:
        array = np.asarray(value)
        array = array.astype(array.dtype.newbyteorder('<'))
        update(f'{array.dtype.str}{array.shape}'.encode())
        update(array.tobytes())
  return digest.hexdigest()
