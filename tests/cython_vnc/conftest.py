"""What is true of a client is true of one that decodes late, and of one that decodes grays."""

from functools import partial

import pytest
from fakes import clients


@pytest.fixture(params=["eager", "lazy", "lazy gray"])
def new_client(request: pytest.FixtureRequest) -> clients.NewClient:
    """Make a client of a kind: `new_client(width, height)`."""
    return partial(clients.new_client, request.param)
