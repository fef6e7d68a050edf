"""Other libraries' environments over a `VectorEnv`, one module each; none is imported before it is asked for."""
