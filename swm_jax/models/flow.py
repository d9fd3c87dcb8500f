"""The learned log-partition estimate of trajectory balance."""

from flax import linen as nn
import jax
import jax.numpy as jnp


class LogZHead(nn.Module):
  """Estimates log Z(x), in nats, from a latent of the prompt.

  It starts at 0 for every prompt. Give it a learning rate of its own, larger
  than the dreamer's: it has to follow log Z while the dreamer moves.

  Attributes:
    hidden: width of the hidden layer.
  """

  hidden: int = 256

  @nn.compact
  def __call__(self, latent_BxD: jax.Array) -> jax.Array:
    """Maps latents `[B, D]` to log Z, `[B]`, float32."""
    # Residual streams differ by orders of magnitude between layers and models.
    x = nn.LayerNorm()(latent_BxD.astype(jnp.float32))
    x = nn.gelu(nn.Dense(self.hidden)(x))
    return nn.Dense(1, kernel_init=nn.initializers.zeros)(x)[:, 0]
