"""The bundled model `ioi-demo`: its sentences, its training, and what it measurably does."""
