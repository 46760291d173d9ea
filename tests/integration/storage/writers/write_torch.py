"""Saves one small step with torch.distributed.checkpoint into two files: write_torch.py DIRECTORY"""

import sys

import torch
import torch.distributed.checkpoint as dcp

state = {"weights": torch.arange(2000, dtype=torch.float32), "bias": torch.ones(10), "optimizer": {"m": torch.zeros(500)}}
dcp.save(state, storage_writer=dcp.FileSystemWriter(f"{sys.argv[1]}/step-1200", thread_count=2))
