"""The tasks that came with envserver, one module a family; `runtimes.yml` names them."""
