"""Other libraries' environments over a `VectorEnv`, one module each, imported when asked for."""
