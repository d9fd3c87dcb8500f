"""Process-wide JAX settings of the tests; set before JAX is imported."""

import os

os.environ.setdefault('JAX_PLATFORMS', 'cpu')
os.environ['XLA_FLAGS'] = (
    os.environ.get('XLA_FLAGS', '')
    + ' --xla_force_host_platform_device_count=8'
    # Tests compile more than they compute.
    + ' --xla_backend_optimization_level=0'
)

import jax  # pylint: disable=g-import-not-at-top

# A silent [T] + [B, T] broadcast is the commonest way to compute a wrong loss.
jax.config.update('jax_numpy_rank_promotion', 'raise')
