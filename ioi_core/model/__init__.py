"""GPT-2's weights: found, checked, and held as plain tensors."""
