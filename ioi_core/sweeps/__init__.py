"""Sweeps: one analysis over very many prompts, block by block, on several processes or machines."""
