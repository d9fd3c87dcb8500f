"""Sleep, second half: verified traces become weights."""

from swm_jax.consolidate.descent import make_loss
from swm_jax.consolidate.descent import run
from swm_jax.consolidate.descent import trajectory_energy
from swm_jax.consolidate.layout import Batch
from swm_jax.consolidate.layout import ENERGIES
from swm_jax.consolidate.layout import Memory
from swm_jax.consolidate.layout import Options
from swm_jax.consolidate.layout import plan
from swm_jax.consolidate.memories import choose
from swm_jax.consolidate.memories import distinct_programs
from swm_jax.consolidate.memories import program_form
