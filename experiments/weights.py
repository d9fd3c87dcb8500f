"""The weights that `--model` names: a file, a folder, or a work directory."""

import dataclasses
import json
import pathlib

from experiments import history
from swm_jax import snapshots
from swm_jax import tokenization
from swm_jax.models import pretrained
from swm_jax.models import transformer


@dataclasses.dataclass(frozen=True)
class Model:
  """Weights with what is needed to use them.

  Attributes:
    name: as a person would write it after `--model=`.
    step: of the snapshot, None if the weights are not from one.
    params: of the transformer.
    config: of the transformer.
    tokenizer: of the model.
  """

  name: str
  step: int | None
  params: transformer.Params
  config: transformer.TransformerConfig
  tokenizer: tokenization.Tokenizer


def load(name: str | None) -> Model:
  """Loads what a person named.

  Args:
    name: GGUF file, Hugging Face folder or `WORKDIR[@STEP]`; None or '' is the
      packaged SmolLM2-135M-Instruct.

  Raises:
    FileNotFoundError: there is no such model or snapshot.
    ValueError: it is there and cannot be used.
  """
  workdir, step = _parse_workdir(name)
  if workdir is not None:
    return _load_snapshot(name, workdir, step)
  params, config, tokenizer = pretrained.load(name or None)
  name = name or pretrained.packaged_model_path().name
  return Model(name, None, params, config, tokenizer)


def _parse_workdir(name: str | None) -> tuple[pathlib.Path | None, int | None]:
  if not name:
    return None, None
  folder, at, step = name.rpartition('@')
  # A path may hold an @ of its own.
  if not at or pathlib.Path(name).exists():
    folder, at, step = name, '', ''
  path = pathlib.Path(folder)
  if (path / 'snapshots').is_dir():
    if at and not step.isdigit():
      raise ValueError(f'after @ comes the number of a snapshot, got {step!r}')
    return path, int(step) if at else None
  if at and path.is_dir():
    raise FileNotFoundError(f'{path} is no work directory: it has no snapshots')
  return None, None


def _load_snapshot(name: str, workdir: pathlib.Path, step: int | None) -> Model:
  path = workdir / 'config.json'
  if not path.is_file():
    raise FileNotFoundError(f'{workdir} has no config.json to say which model')
  model = json.loads(path.read_text())['model']
  params, config, tokenizer = pretrained.load(
      model['path'] or None, model['param_dtype']
  )
  config = dataclasses.replace(config, dtype=model['dtype'])
  store = snapshots.Snapshots(workdir / 'snapshots', read_only=True)
  if step is None:
    step = _last_adopted(store)
  if step is not None:
    if 'params' not in store.abstract(step):
      phase = store.read_metadata(step).get('phase')
      raise ValueError(
          f'snapshot {step} (phase {phase}) holds no base weights; name one of'
          f' {[s for s in store.steps() if "params" in store.abstract(s)]}'
      )
    # Numpy arrays carry no sharding: everything goes to the first device.
    params = store.restore(step, {'params': params})['params']
  return Model(name, step, params, config, tokenizer)


def _last_adopted(store: snapshots.Snapshots) -> int | None:
  """Snapshot with the weights of the last adopted night; None: initial ones."""
  for step in reversed(store.recorded()):
    metadata = store.read_metadata(step)
    if metadata.get('gate') in history.CARRIED:
      # The gate's own snapshot may leave the weights to its parent.
      has_params = step in store.steps() and 'params' in store.abstract(step)
      return step if has_params else metadata['parent']
  return None
