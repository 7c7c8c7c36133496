"""Path patching: effects that pass from senders to receivers alone."""
