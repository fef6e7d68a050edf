"""For whoever makes vector environments: `check_vector_env`, what it found, what it raises."""

from envserver.testing.checker import check_vector_env
from envserver.testing.rules import RULES, ContractBroken, Report

__all__ = ["RULES", "ContractBroken", "Report", "check_vector_env"]
