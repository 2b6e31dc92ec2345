"""Which hosts the proxy connects to on a tenant's word."""

import socket
from ipaddress import ip_address

import pytest

from shared.outgoing.guard import AddressRefused, Guard, is_public

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "52.95.110.1",
    "172.15.255.255",
    "172.32.0.1",
    "192.167.255.255",
    "100.63.255.255",
    "100.128.0.1",
    "169.253.255.255",
    "198.17.255.255",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:82a::200e",
    "::ffff:8.8.8.8",
    "2002:808:808::1",
    "64:ff9b::8.8.8.8",
]

NOT_PUBLIC = [
    # IPv4: this host, loopback, private, shared, link-local with the metadata services, test nets, multicast, reserved
    "0.0.0.0",
    "0.1.2.3",
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    # IPv6
    "::",
    "::1",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "ff02::1",
    "ff0e::1",
    "100::1",
    "2001:db8::1",
    "2001::1",
    "2001:2::1",
    "2001:10::1",
    "5f00::1",
    # IPv6 that carries an IPv4 address: mapped, compatible, 6to4, NAT64 (well-known and local), Teredo
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "::127.0.0.1",
    "::a9fe:a9fe",
    "2002:7f00:1::1",
    "2002:a00:1::",
    "2002:a9fe:a9fe::1",
    "2002:c0a8:101::1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::10.1.2.3",
    "64:ff9b:1::10.1.2.3",
    "2001:0:7f00:1::",
    "::ffff:0:127.0.0.1",
]

LEAD_TO_THIS_MACHINE = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0x7f.1",
    "0177.0.0.1",
    "0177.1",
    "017700000001",
    "0",
    "0.0.0.0",
    "localhost",
    "LOCALHOST",
    "::1",
    "::",
    "::ffff:127.0.0.1",
    "0:0:0:0:0:0:0:1",
    "64:ff9b::127.0.0.1",
]

LEAD_TO_METADATA = ["169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "::ffff:a9fe:a9fe"]

NO_HOSTS = [
    "",
    " ",
    "a..b",
    ".",
    "x" * 64 + ".example.org",
    "x." * 200 + "org",
    "host name",
    "host\0name",
    "[::1]",
    "a@b",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_what_the_internet_at_large_can_reach_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_everything_else_is_not(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("host", LEAD_TO_THIS_MACHINE)
async def test_a_host_that_leads_to_this_machine_is_refused_however_it_is_written(host: str) -> None:
    with pytest.raises(AddressRefused):
        await Guard([]).resolve(host, 443)


@pytest.mark.parametrize("host", LEAD_TO_METADATA)
async def test_a_host_that_leads_to_a_clouds_metadata_is_refused_however_it_is_written(host: str) -> None:
    with pytest.raises(AddressRefused):
        await Guard([]).resolve(host, 80)


@pytest.mark.parametrize("host", NO_HOSTS)
async def test_what_is_no_host_name_is_refused_or_not_found(host: str) -> None:
    with pytest.raises((AddressRefused, OSError)):
        await Guard([]).resolve(host, 443)


async def test_a_public_address_resolves_to_itself() -> None:
    (resolved,) = await Guard([]).resolve("8.8.8.8", 443)

    assert (resolved.family, resolved.address) == (socket.AF_INET, "8.8.8.8")


async def test_an_allowed_host_may_lead_anywhere() -> None:
    resolved = await Guard(["localhost", " 127.0.0.1 ", ""]).resolve("127.0.0.1", 25)

    assert [each.address for each in resolved] == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True),
        ("LocalHost", True),
        ("127.0.0.1", True),
        ("", False),
        ("localhost.", False),
        ("evil-localhost", False),
        ("127.0.0.2", False),
        ("127.1", False),
    ],
)
def test_hosts_are_allowed_by_their_exact_name(host: str, allowed: bool) -> None:
    assert Guard(["localhost", "127.0.0.1", ""]).allows(host) is allowed


async def test_one_address_that_is_not_public_refuses_the_whole_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a name with two addresses would reach the private one whenever the public one does not answer."""

    def two_addresses(*_args: object, **_kwargs: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("8.8.8.8", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", two_addresses)

    with pytest.raises(AddressRefused, match=r"10\.0\.0\.1"):
        await Guard([]).resolve("two.example.org", 443)


def test_an_interface_in_an_address_does_not_make_it_public() -> None:
    assert not is_public(ip_address("fe80::1%eth0"))
