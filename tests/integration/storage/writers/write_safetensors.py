"""Saves one small step as Hugging Face's libraries do, in shards: write_safetensors.py DIRECTORY"""

import pathlib
import sys

import huggingface_hub
import torch

folder = pathlib.Path(sys.argv[1]) / "step-1200"
folder.mkdir()
state = {f"layer.{i}": torch.full((1000,), float(i)) for i in range(3)}
huggingface_hub.save_torch_state_dict(state, folder, max_shard_size=4500)
