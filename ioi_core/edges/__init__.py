"""Edges: which connections between heads, MLPs, embedding and logits a model needs."""
