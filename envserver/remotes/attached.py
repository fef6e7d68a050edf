"""Remotes that run already, at addresses that the trainer gave."""

from envserver.addresses import parse_addresses
from envserver.remotes.base import Endpoint, Remote, RemoteAddress


class AttachedRemotes:
    """The remotes of `remotes="vnc://..."`. They are neither started nor stopped."""

    def __init__(self, addresses: str) -> None:
        self._addresses = parse_addresses(addresses)

    async def start(self, env: int) -> Remote:
        address = self._addresses[env]
        vnc = Endpoint(address.host, address.vnc_port, address.password)
        rewarder = Endpoint(address.host, address.rewarder_port, address.password)
        return Remote(address.name, RemoteAddress(vnc, rewarder))

    async def close(self) -> None:
        pass
