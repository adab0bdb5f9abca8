"""Which addresses may be called: whoever may add a model could otherwise reach everything.

A rule is a list of words and names: ``public`` (any address of the internet, by https only),
``loopback`` (this machine), ``private`` (networks of one's own), a host such as
``api.example.com`` or ``*.example.com``, an address or a network such as ``10.1.0.0/16``; a host
or an address can have a port, ``gpu.lan:8080``.  What clouds keep for their machines themselves
(link-local addresses, where they hand out credentials) is never called, listed or not.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Union
from urllib.parse import urlsplit

from steward_py.errors import INVALID_PARAMETER_VALUE, StewardError

DEFAULT = "public, loopback"

_PORTS = {"http": 80, "https": 443}
_CLASSES = ("public", "loopback", "private")

_Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
_Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

# Where clouds answer questions about the machine, outside of link-local.
_METADATA: tuple[_Network, ...] = (
    ipaddress.ip_network("100.100.100.200/32"),
    ipaddress.ip_network("168.63.129.16/32"),
    ipaddress.ip_network("192.0.0.192/32"),
    ipaddress.ip_network("fd00:ec2::/32"),
    ipaddress.ip_network("fd20:ce::254/128"),
)
_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")
# IPv4 inside IPv6, where a gateway takes it out again
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


class EndpointError(Exception):
    """An endpoint that is none, or that may not be called."""


@dataclass(frozen=True)
class Endpoint:
    """An address on the web, taken apart."""

    scheme: str
    host: str
    port: int
    path: str  # with the query

    @property
    def origin(self) -> str:
        """Whom it belongs to: what a secret is bound to."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = _PORTS[self.scheme]
        return f"{self.scheme}://{host}" + ("" if self.port == default else f":{self.port}")


def parse_endpoint(url: str) -> Endpoint:
    """Take an address apart, or say in words what is wrong with it."""
    if any(ord(character) <= 32 or ord(character) >= 127 for character in url):
        raise EndpointError("an endpoint is of visible ASCII characters, without spaces")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise EndpointError(f"the endpoint is not an address: {error}") from error
    if parts.scheme not in _PORTS:
        raise EndpointError("an endpoint begins with https:// or http://")
    if not parts.hostname:
        raise EndpointError("the endpoint names no host")
    if "@" in parts.netloc:
        raise EndpointError("an endpoint has no user and password in it: give it a secret")
    if parts.fragment:
        raise EndpointError("an endpoint has no part after a #")
    if port == 0:
        raise EndpointError("port 0 cannot be called")
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return Endpoint(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], path)


class Rule:
    """What may be called, from its text form."""

    def __init__(self, allowed: str = DEFAULT) -> None:
        self._classes: set[str] = set()
        self._networks: list[tuple[_Network, int | None]] = []
        self._hosts: list[tuple[str, int | None]] = []
        for word in allowed.replace(",", " ").split():
            self._add(word.lower())

    def _add(self, word: str) -> None:
        if word in _CLASSES:
            self._classes.add(word)
            return
        name, port = _without_port(word)
        try:
            self._networks.append((ipaddress.ip_network(name), port))
            return
        except ValueError:
            pass
        plain = name[2:] if name.startswith("*.") else name
        if not plain or not all(part and _is_label(part) for part in plain.split(".")):
            raise StewardError(
                f'"{word}" cannot be allowed as an endpoint',
                sqlstate=INVALID_PARAMETER_VALUE,
                hint="Give public, loopback, private, a host, *.domain, an address or a network,"
                " separated by commas.",
            )
        self._hosts.append((name, port))

    def objection(self, endpoint: Endpoint, address: str) -> str | None:
        """Why this endpoint may not be called at this address; None if it may."""
        ip = _unwrapped(ipaddress.ip_address(address.partition("%")[0]))
        kind = _kind(ip)
        if kind == "never":
            return f"{endpoint.host} is {ip}, a link-local or reserved address"
        if any(
            ip in network and port in (None, endpoint.port)
            for network, port in self._networks
            if network.version == ip.version
        ):
            return None
        if self._names(endpoint):
            return None
        if kind not in self._classes:
            return f"{endpoint.host} is {ip}, a {kind} address"
        if kind == "public" and endpoint.scheme != "https":
            return f"{endpoint.host} is {ip}, a public address, and is not called by https"
        return None

    def _names(self, endpoint: Endpoint) -> bool:
        for name, port in self._hosts:
            if port not in (None, endpoint.port):
                continue
            if name == endpoint.host or (
                name.startswith("*.") and endpoint.host.endswith(name[1:])
            ):
                return True
        return False


def allowed_addresses(rule: Rule, endpoint: Endpoint, addresses: Sequence[str]) -> list[str]:
    """Those of the addresses that a name has which may be called."""
    objections = [(address, rule.objection(endpoint, address)) for address in addresses]
    allowed = [address for address, objection in objections if objection is None]
    if not allowed:
        reason = next((text for _, text in objections if text), f"{endpoint.host} has no address")
        raise EndpointError(reason)
    return allowed


def _without_port(word: str) -> tuple[str, int | None]:
    name, colon, port = word.rpartition(":")
    if word.startswith("["):
        closing = word.find("]")
        name, port = word[1:closing], word[closing + 2 :]
        return name, int(port) if port.isdigit() else None
    if colon and ":" not in name and port.isdigit() and 0 < int(port) < 65536:
        return name, int(port)
    return word, None


def _is_label(part: str) -> bool:
    return part.replace("-", "").replace("_", "").isalnum() and part.isascii()


def _unwrapped(ip: _Address) -> _Address:
    """The IPv4 address that an IPv6 one stands for."""
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is None and ip in _TRANSLATED:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return inner
    return ip


def _kind(ip: _Address) -> str:
    if ip.is_loopback:
        return "loopback"
    if (
        ip.is_link_local
        or ip.is_multicast
        or ip.is_unspecified
        or (ip.is_reserved and not ip.is_global)
        or any(ip in network for network in _METADATA if network.version == ip.version)
        or (ip.version == 4 and ip in _THIS_NETWORK)
    ):
        return "never"
    return "public" if ip.is_global else "private"
