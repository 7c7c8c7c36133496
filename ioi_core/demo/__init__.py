"""The bundled model: how it is trained (`training`), what it can do (`card`), and its files (`model`)."""
