"""The programs that envserver can host itself, and the description of all runtimes."""
