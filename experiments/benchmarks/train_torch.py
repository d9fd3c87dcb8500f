"""The other side of the benchmark of training: a plain torch step.

Llama of the transformers library from the same folder of weights, autograd,
gradient clipping and AdamW in its fused form, the fastest that torch has.
"""

import torch
from torch import nn
from torch.nn import functional as F
import transformers

from experiments.benchmarks import train_work
from swm_jax.models import pretrained

_MODULES = {
    'q': 'self_attn.q_proj',
    'v': 'self_attn.v_proj',
    'up': 'mlp.up_proj',
    'down': 'mlp.down_proj',
}


class LowRank(nn.Module):
  """A frozen linear layer with a trained update of low rank."""

  def __init__(self, linear: nn.Linear):
    super().__init__()
    rank = train_work.RANK
    self.linear = linear
    self.scale = train_work.ALPHA / rank
    self.a = nn.Parameter(
        torch.randn(linear.in_features, rank) * linear.in_features**-0.5
    )
    self.b = nn.Parameter(torch.zeros(rank, linear.out_features))

  def forward(self, x):
    return self.linear(x) + self.scale * (x @ self.a) @ self.b


class Side:
  """A model with its optimizer and its one batch."""

  def __init__(self, folder: str, case: train_work.Case, threads: int):
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    _, _, tokenizer = pretrained.load(folder)
    work = train_work.make(case, tokenizer)
    inputs, targets = (torch.from_numpy(x) for x in work.padded())
    self._inputs, self._targets = inputs, targets
    self._model = transformers.LlamaForCausalLM.from_pretrained(
        folder, dtype=torch.float32
    ).train()
    if case.lora:
      self._model.requires_grad_(False)
      for layer in self._model.model.layers:
        for name in train_work.LORA_TARGETS:
          parent, child = _MODULES[name].split('.')
          module = getattr(layer, parent)
          setattr(module, child, LowRank(getattr(module, child)))
    self._trained = [p for p in self._model.parameters() if p.requires_grad]
    self._optimizer = torch.optim.AdamW(
        self._trained,
        lr=train_work.LEARNING_RATE,
        betas=train_work.DECAY_RATES,
        weight_decay=0.0,
        fused=True,
    )
    self._loss = self._cross_entropy
    if case.lora:
      self._loss = self._vargrad
      self._groups = torch.tensor(work.groups)
      self._rewards = torch.tensor(work.rewards, dtype=torch.float32)
      with torch.no_grad():
        self._log_p_ref = self._log_pf()

  def step(self) -> float:
    """Takes one step; returns its loss."""
    self._optimizer.zero_grad(set_to_none=True)
    loss = self._loss()
    loss.backward()
    nn.utils.clip_grad_norm_(self._trained, train_work.CLIP)
    self._optimizer.step()
    return loss.item()

  def describe(self) -> dict[str, float]:
    """Returns the tokens computed, padding included."""
    return {'computed_tokens': self._inputs.numel()}

  def _nll(self, reduction: str) -> torch.Tensor:
    # Right padding comes after every target: causal attention needs no mask.
    logits = self._model(self._inputs, use_cache=False).logits
    return F.cross_entropy(
        logits.flatten(0, 1), self._targets.flatten(), reduction=reduction
    )

  def _cross_entropy(self) -> torch.Tensor:
    return self._nll('mean')

  def _log_pf(self) -> torch.Tensor:
    return -self._nll('none').reshape(self._inputs.shape).sum(dim=1)

  def _vargrad(self) -> torch.Tensor:
    """See `swm_jax.losses.balance.vargrad_loss`."""
    log_pf = self._log_pf()
    log_reward = self._log_p_ref + train_work.BETA * (self._rewards - 1.0)
    gap = (log_reward - log_pf).detach()
    groups = int(self._groups.max()) + 1
    total = torch.zeros(groups).index_add(0, self._groups, gap)
    count = torch.zeros(groups).index_add(0, self._groups, torch.ones_like(gap))
    log_z = (total / count)[self._groups]
    residual = log_z + log_pf - log_reward
    return residual.square().mean() / train_work.BETA**2
