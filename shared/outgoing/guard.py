"""Which hosts the proxy may connect to on a tenant's word: public addresses, or hosts that the operator allows.

The name is resolved here and the connection made to the address that was checked, so that a name which resolves
differently a moment later leads nowhere (DNS rebinding). Every redirect would need the same, so none is followed.
"""

import asyncio
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from shared.errors import MailProxyError


class AddressRefused(MailProxyError):
    """The host leads to an address that is not public, and the operator does not allow it."""

    code = "address_refused"


@dataclass(frozen=True, slots=True)
class Resolved:
    """A checked address, ready for a connection."""

    family: socket.AddressFamily
    address: str


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether the internet at large can be meant: not loopback, private, link-local, metadata, multicast, reserved.

    IPv6 addresses that carry an IPv4 one are judged by it.
    """
    if isinstance(address, IPv6Address):
        carried = address.ipv4_mapped or address.sixtofour or _nat64(address)
        if carried is not None:
            return is_public(carried)
        if address.teredo is not None or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _nat64(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address inside 64:ff9b::/96 (RFC 6052)."""
    if int(address) >> 32 == 0x0064_FF9B_0000_0000_0000_0000:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


class Guard:
    """`allowed_hosts` are names and addresses that may be reached wherever they lead, and by plain http."""

    def __init__(self, allowed_hosts: Iterable[str]) -> None:
        self._allowed = frozenset(host.strip().lower() for host in allowed_hosts if host.strip())

    def allows(self, host: str) -> bool:
        return host.lower() in self._allowed

    async def resolve(self, host: str, port: int) -> list[Resolved]:
        """The addresses that may be connected to, in the resolver's order.

        Raises AddressRefused when the name leads to any that may not, or is none; OSError when it cannot be resolved.
        """
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except ValueError as error:  # a label too long or empty, NUL
            raise AddressRefused(f"{host!r} is no host name: {error}") from error
        resolved = [Resolved(family, str(address[0])) for family, _, _, _, address in found]
        if not self.allows(host):
            for each in resolved:
                if not is_public(ip_address(each.address.partition("%")[0])):
                    raise AddressRefused(f"{host} leads to {each.address}, which is not a public address")
        return resolved
