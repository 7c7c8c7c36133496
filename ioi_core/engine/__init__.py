"""Running the model: plain, recorded, and with parts of it replaced."""
