"""Where the bundled model lies: a plain Hugging Face folder inside the package."""

from pathlib import Path

MODEL_DIR = Path(__file__).resolve().parent / "model"
"""config.json, model.safetensors, vocab.json, merges.txt, tokenizer_config.json and the model card README.md."""
