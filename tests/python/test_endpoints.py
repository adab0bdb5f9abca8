"""What may be called: whoever adds a model may not make the server reach everything."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from steward_py.endpoints import EndpointError, Rule, allowed_addresses, parse_endpoint
from steward_py.errors import StewardError
from steward_py.transport import Transport, TransportError


def objection(rule: str, url: str, address: str) -> str | None:
    return Rule(rule).objection(parse_endpoint(url), address)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.0.1",
        "fe80::1",
        "fe80::1%eth0",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "0.0.0.0",  # noqa: S104
        "0.1.2.3",
        "::",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "240.0.0.1",
    ],
)
def test_never(address: str) -> None:
    """Not even when the host is allowed by name."""
    allowed = "public, private, loopback, host, 0.0.0.0/0, ::/0"
    assert "link-local or reserved" in str(objection(allowed, "https://host/", address))


@pytest.mark.parametrize(
    "rule, url, address, is_allowed",
    [
        ("public", "https://api.example.com", "93.184.216.34", True),
        ("public", "http://api.example.com", "93.184.216.34", False),
        ("public", "https://api.example.com", "2606:2800:220:1::1", True),
        ("public", "https://api.example.com", "10.0.0.1", False),
        ("public", "https://api.example.com", "::ffff:10.0.0.1", False),
        ("public", "https://api.example.com", "127.0.0.1", False),
        ("public", "https://api.example.com", "::ffff:127.0.0.1", False),
        ("public", "https://api.example.com", "fd12::1", False),
        ("public", "https://api.example.com", "100.64.0.1", False),
        ("loopback", "http://localhost:11434", "127.0.0.1", True),
        ("loopback", "http://localhost:11434", "::1", True),
        ("loopback", "http://localhost:11434", "127.8.8.8", True),
        ("loopback", "http://localhost:11434", "192.168.0.1", False),
        ("private", "http://gpu.lan:8080", "192.168.0.1", True),
        ("private", "http://gpu.lan:8080", "fd12::1", True),
        ("gpu.lan:8080", "http://gpu.lan:8080", "192.168.0.1", True),
        ("gpu.lan:8080", "http://gpu.lan:8081", "192.168.0.1", False),
        ("gpu.lan", "http://GPU.lan:8081", "192.168.0.1", True),
        ("*.lan", "http://gpu.lan", "192.168.0.1", True),
        ("*.lan", "http://lan", "192.168.0.1", False),
        ("*.lan", "http://evil-lan", "192.168.0.1", False),
        ("192.168.0.0/24", "http://gpu.lan", "192.168.0.1", True),
        ("192.168.0.0/24", "http://gpu.lan", "192.168.1.1", False),
        ("192.168.0.1:80", "http://gpu.lan", "192.168.0.1", True),
        ("192.168.0.1:81", "http://gpu.lan", "192.168.0.1", False),
        ("[fd12::1]:80", "http://gpu.lan", "fd12::1", True),
        ("fd12::/16", "http://gpu.lan", "fd12::1", True),
        ("", "https://api.example.com", "93.184.216.34", False),
    ],
)
def test_rules(rule: str, url: str, address: str, is_allowed: bool) -> None:
    assert (objection(rule, url, address) is None) == is_allowed


def test_only_allowed_addresses_of_a_name_are_called() -> None:
    endpoint = parse_endpoint("https://api.example.com")
    found = ["127.0.0.1", "93.184.216.34"]
    assert allowed_addresses(Rule("public"), endpoint, found) == ["93.184.216.34"]
    with pytest.raises(EndpointError, match="a loopback address"):
        allowed_addresses(Rule("public"), endpoint, found[:1])


@pytest.mark.parametrize("rule", ["a b/c", "http://host", "*", "*.*", "ho$t", "host:99999", "ü"])
def test_rules_that_are_none(rule: str) -> None:
    with pytest.raises(StewardError):
        Rule(rule)


def test_a_name_that_changes_its_meaning_reaches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection goes to the address that was checked; the name is not asked again."""
    inner = socket.create_server(("127.0.0.1", 0))
    inner.setblocking(False)
    port = inner.getsockname()[1]
    answers = ["192.0.2.1", "127.0.0.1"]
    asked: list[str] = []

    def changing(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        address = answers.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    transport = Transport(Rule("private"))
    with pytest.raises(TransportError) as caught:
        transport.post(parse_endpoint(f"http://rebinding.example:{port}/"), b"{}", {}, seconds=0.3)
    assert caught.value.kind in ("timeout", "unreachable")
    assert asked == ["rebinding.example"]
    with inner, pytest.raises(BlockingIOError):
        inner.accept()


def test_a_forbidden_address_is_not_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolved(_host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    monkeypatch.setattr(
        socket.socket, "connect", lambda *_: pytest.fail("it connected to the address")
    )
    with pytest.raises(TransportError, match="link-local") as caught:
        Transport(Rule("public")).post(
            parse_endpoint("https://api.example.com/"), b"{}", {}, seconds=1
        )
    assert caught.value.kind == "forbidden"
