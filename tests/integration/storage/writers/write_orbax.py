"""Saves one small step with Orbax's own manager: write_orbax.py DIRECTORY rename|marker

`rename` is what it does on a file system; `marker` what it does where there is no atomic rename.
"""

import sys

import jax.numpy as jnp
import orbax.checkpoint as ocp
from orbax.checkpoint import path as ocp_path

directory, commit = sys.argv[1:]
classes = {"rename": ocp_path.atomicity.AtomicRenameTemporaryPath, "marker": ocp_path.atomicity.CommitFileTemporaryPath}
options = ocp.CheckpointManagerOptions(temporary_path_class=classes[commit])
manager = ocp.CheckpointManager(directory, options=options)
state = {"weights": jnp.arange(2000, dtype=jnp.float32), "bias": jnp.ones(10)}
manager.save(1200, args=ocp.args.StandardSave(state))
manager.wait_until_finished()
