"""What providers do wrong, each over real HTTP, and whose affair it is said to be."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import provider as stand_in
from provider import Drip, Hang, Reset, Shuffled, Slow, Status, Truncated, Vanish, too_many
from steward_py import hashing_model
from steward_py.endpoints import Rule
from steward_py.errors import StewardError
from steward_py.packing import Provider, estimated_tokens, pack, truncated, without_key
from steward_py.pool import Done, Pool
from steward_py.providers import Failure, Model, check_model, parse_model
from steward_py.transport import Transport

KEY = "sk-canary-0123456789abcdef"


@pytest.fixture
def server() -> Iterator[stand_in.Provider]:
    with stand_in.Provider() as provider:
        yield provider


@pytest.fixture
def transport() -> Iterator[Transport]:
    made = Transport(Rule("loopback"))
    yield made
    made.close()


Ask = Callable[..., list[Any]]


@pytest.fixture
def model(server: stand_in.Provider) -> Model:
    return Model("some@1", "openai", 256, endpoint=f"{server.url}/v1", timeout=5)


@pytest.fixture
def ask(model: Model, transport: Transport) -> Ask:
    """Have texts embedded by the model with some of its fields changed."""

    def ask(texts: list[str | None], key: str | None = None, **changes: Any) -> list[Any]:
        return Provider(replace(model, **changes), transport, key).embed(texts).outcomes

    return ask


def near(vector: str, text: str) -> bool:
    expected = hashing_model.embed(text)
    return all(abs(a - b) < 1e-6 for a, b in zip(json.loads(vector), expected, strict=True))


def all_near(outcomes: list[Any], texts: list[str]) -> bool:
    return all(near(outcome, text) for outcome, text in zip(outcomes, texts, strict=True))


TEXTS = [f"text number {number}" for number in range(10)]


# ---- protocols


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_openai(server: stand_in.Provider, ask: Ask, encoding: str) -> None:
    assert all_near(ask(TEXTS, KEY, encoding=encoding, send_dimensions=True), TEXTS)
    (request,) = server.requests
    assert request.path == "/v1/embeddings"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body["model"] == "some"
    assert request.body["dimensions"] == 256


@pytest.mark.parametrize(
    "path, called",
    [
        ("", "/v1/embeddings"),
        ("/", "/v1/embeddings"),
        ("/api/v2/", "/api/v2/embeddings"),
        ("/v1/embeddings", "/v1/embeddings"),
        (
            "/openai/deployments/d/embeddings?api-version=2024-02-01",
            "/openai/deployments/d/embeddings?api-version=2024-02-01",
        ),
    ],
)
def test_paths_of_openai(server: stand_in.Provider, ask: Ask, path: str, called: str) -> None:
    ask(["one"], KEY, endpoint=server.url + path, secret_header="api-key: {secret}")  # noqa: S106
    (request,) = server.requests
    assert request.path == called
    assert request.headers["api-key"] == KEY
    assert "authorization" not in request.headers


def test_ollama(server: stand_in.Provider, ask: Ask) -> None:
    assert all_near(ask(TEXTS, provider="ollama", endpoint=server.url), TEXTS)
    assert server.requests[0].path == "/api/embed"
    assert server.requests[0].body["truncate"] is False


def test_http_with_a_list_of_texts(server: stand_in.Provider, ask: Ask) -> None:
    template = {"inputs": "{{texts}}", "model": "{{model}}", "type": "search_{{input_type}}"}
    outcomes = ask(
        TEXTS, provider="http", endpoint=f"{server.url}/embed", request=template, answer="$[*]"
    )
    assert all_near(outcomes, TEXTS)
    assert server.requests[0].body["model"] == "some"
    assert server.requests[0].body["type"] == "search_document"


def test_http_with_one_text(server: stand_in.Provider, ask: Ask) -> None:
    outcomes = ask(
        TEXTS[:3],
        provider="http",
        endpoint=f"{server.url}/v1/embeddings",
        request={"input": "{{text}}"},
        answer="data[0].embedding",
    )
    assert all_near(outcomes, TEXTS[:3])
    assert len(server.requests) == 3


def test_texts_are_not_templates(server: stand_in.Provider, ask: Ask) -> None:
    nasty = ['{{model}} {{texts}} "quoted" \\ [1,2] \u2028 ü {"\\u0000":1}']
    template = {"inputs": ["{{text}}"], "n": "{{dimensions}}"}
    ask(nasty, provider="http", endpoint=f"{server.url}/embed", request=template, answer="[*]")
    assert server.texts == nasty
    assert server.requests[0].body["n"] == 256


def test_prefixes(server: stand_in.Provider, model: Model, transport: Transport) -> None:
    model = replace(model, document_prefix="passage: ", query_prefix="query: ")
    provider = Provider(model, transport)
    provider.embed(["one"])
    provider.embed(["two"], "query")
    assert server.texts == ["passage: one", "query: two"]


def test_normalised(server: stand_in.Provider, ask: Ask) -> None:
    server.always = stand_in.Vectors(lambda vectors: [[3, 4, *[0] * 254] for _ in vectors])
    (vector,) = ask(["one"], normalise=True)
    assert json.loads(vector)[:2] == pytest.approx([0.6, 0.8])
    server.always = stand_in.Vectors(lambda vectors: [[0] * 256 for _ in vectors])
    (failure,) = ask(["one"], normalise=True)
    assert (failure.kind, failure.reason) == ("configuration", "the vector has no direction")


def test_strings_that_look_like_vectors(server: stand_in.Provider, ask: Ask) -> None:
    body = {
        "note": 'a "list" [1,2,3] \\',
        "data": [{"index": 0, "embedding": [1.5] * 256, "text": "[9,9]"}],
    }
    server.always = stand_in.Raw(json.dumps(body).encode())
    assert ask(["one"]) == ["[" + ", ".join(["1.5"] * 256) + "]"]


def test_order_by_index(server: stand_in.Provider, ask: Ask) -> None:
    server.always = Shuffled()
    assert all_near(ask(TEXTS), TEXTS)


# ---- faults of the provider


@pytest.mark.parametrize(
    "fault",
    [
        (Status(401), "configuration", "401 Unauthorized (the key is missing"),
        (Status(403), "configuration", "403"),
        (Status(404), "configuration", "no such path"),
        (Status(302, headers={"Location": "http://127.0.0.1:1/"}), "configuration", "redirects"),
        (Status(400), "configuration", "400"),
        (Status(422), "configuration", "422"),
        (Status(500), "transient", "500"),
        (Status(502), "transient", "502"),
        (Status(503), "transient", "503"),
        (Status(408), "transient", "408"),
        (Reset(), "transient", "reset in the middle"),
        (Truncated(), "transient", "not whole"),
        (Truncated(told=False), "transient", "ends after 100 of"),
        (Vanish(), "transient", "closed without an answer"),
        (stand_in.Raw(b"<html>hello</html>"), "transient", "not JSON"),
        (stand_in.Raw(b'{"data": 3}'), "configuration", "no list of vectors"),
        (stand_in.Raw(b"[]"), "configuration", "no data"),
        (stand_in.fewer(), "configuration", "0 vectors for 1 texts"),
        (stand_in.Vectors(lambda vectors: vectors * 2), "configuration", "2 vectors for 1"),
        (stand_in.dimensions(384), "configuration", "384 dimensions, not 256"),
        (stand_in.not_a_number(None), "configuration", "number in it that is none"),
        (stand_in.not_a_number(None, None), "configuration", "number in it that is none"),
        (stand_in.not_a_number(None, float("-inf")), "configuration", "number in it that is none"),
    ],
)
@pytest.mark.parametrize("texts", [["one"], TEXTS])
def test_provider_is_to_blame(
    server: stand_in.Provider, ask: Ask, fault: tuple[stand_in.Fault, str, str], texts: Any
) -> None:
    """No text is charged, and few requests are made."""
    server.always, kind, reason = fault
    outcomes = ask(texts)
    assert {outcome.kind for outcome in outcomes} == {kind}
    if len(texts) == 1:
        assert reason in outcomes[0].reason
        assert len(server.requests) <= 2
    assert len(server.requests) <= 6


def test_timeout(server: stand_in.Provider, ask: Ask) -> None:
    for fault in (Hang(), Slow(3), Drip(0.05)):
        server.always = fault
        began = time.monotonic()
        (failure,) = ask(["one"], timeout=0.3)
        assert failure == Failure("transient", "no answer within 0.3 seconds")
        assert 0.25 < time.monotonic() - began < 1


def test_nobody_there(ask: Ask) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        (failure,) = ask(["one"], endpoint=f"http://127.0.0.1:{unused.getsockname()[1]}")
    assert failure.kind == "transient"
    assert "Connection refused" in failure.reason


def test_host_not_known(ask: Ask) -> None:
    (failure,) = ask(["one"], endpoint="http://nobody.invalid")
    assert failure.kind == "transient"
    assert "the host is not known" in failure.reason


def test_certificate_that_nobody_vouches_for(tmp_path: Path, ask: Ask, model: Model) -> None:
    path = stand_in.make_certificate(tmp_path)
    with stand_in.Provider(certificate=path) as server:
        (failure,) = ask(["one"], endpoint=server.url)
        assert failure.kind == "configuration"
        assert "the certificate is not trusted: self-signed certificate" in failure.reason
        assert server.requests == []

        trusting = Transport(Rule("loopback"), ca_file=str(path))
        good = Provider(replace(model, endpoint=server.url), trusting)
        assert all_near(good.embed(["one"]).outcomes, ["one"])
        named = replace(model, endpoint=server.url.replace("https", "http"))
        assert Provider(named, trusting).embed(["one"]).outcomes[0].kind == "transient"  # type: ignore[union-attr]
        trusting.close()


def test_plain_server_called_by_https(server: stand_in.Provider, ask: Ask) -> None:
    (failure,) = ask(["one"], endpoint=server.url.replace("http", "https"))
    assert failure.kind == "configuration"
    assert "no encrypted connection" in failure.reason


def test_key_is_revoked(server: stand_in.Provider, ask: Ask) -> None:
    server.limits.key = KEY
    assert all_near(ask(["one"], KEY), ["one"])
    server.limits.key = "another"
    (failure,) = ask(["one"], KEY)
    assert failure.kind == "configuration"
    assert failure.reason.endswith(": Incorrect API key provided: Bearer ***.")


# ---- too many requests


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_long_retry_after_is_handed_on(server: stand_in.Provider, ask: Ask, form: str) -> None:
    server.always = too_many("30" if form == "seconds" else stand_in.in_seconds(30))
    (failure,) = ask(["one"])
    assert failure.kind == "rate_limit"
    assert 28 <= failure.retry_after <= 30
    assert len(server.requests) == 1


def test_short_retry_after_is_waited_for(server: stand_in.Provider, ask: Ask) -> None:
    server.faults = [too_many("0.3"), too_many("0.3")]
    began = time.monotonic()
    assert all_near(ask(["one"]), ["one"])
    assert time.monotonic() - began > 0.6


def test_without_retry_after_pauses_grow(server: stand_in.Provider, ask: Ask) -> None:
    server.always = too_many(None)
    (failure,) = ask(["one"])
    assert failure.kind == "rate_limit"
    assert failure.retry_after == pytest.approx(1.6)
    assert len(server.requests) == 5


def test_no_quota_is_not_over_soon(server: stand_in.Provider, ask: Ask) -> None:
    server.always = Status(429, {"error": {"code": "insufficient_quota"}})
    (failure,) = ask(["one"])
    assert (failure.kind, failure.retry_after) == ("rate_limit", 600.0)


@pytest.mark.parametrize("capacity, retry_after", [(10, True), (10, False), (1, True), (1, False)])
def test_drains_nearly_as_fast_as_the_limit_allows(
    server: stand_in.Provider, model: Model, transport: Transport, capacity: int, retry_after: bool
) -> None:
    """Without being told the limit."""
    server.limits.rate, server.limits.capacity = 40, capacity
    server.limits.retry_after = retry_after
    provider = Provider(replace(model, batch_inputs=1), transport, patience=60)
    pool = Pool(transport)
    began = time.monotonic()
    for token in range(200):
        pool.submit(provider, token, [f"text {token}"])
    assert [done.failure for done in gather(pool, 200)] == [None] * 200
    # tests/python/test_pacing.py is stricter: its clock does not depend on how busy the machine is
    assert time.monotonic() - began < 1.5 * 200 / 40


def test_keeps_to_limits(server: stand_in.Provider, model: Model, transport: Transport) -> None:
    # with a reserve for a busy machine, where what was sent apart may arrive together
    server.limits.rate, server.limits.capacity = 22, 30
    limited = replace(model, batch_inputs=1, requests_per_minute=1200)
    pool = Pool(transport)
    provider = Provider(limited, transport)
    began = time.monotonic()
    for token in range(60):
        pool.submit(provider, token, [f"text {token}"])
    gather(pool, 60)
    assert server.refused == 0
    assert 1.5 < time.monotonic() - began < 3.6


# ---- texts that are to blame


@pytest.mark.parametrize("status", [400, 413, 422, 500])
@pytest.mark.parametrize("place", [0, 4, 9])
def test_one_text_is_refused(server: stand_in.Provider, ask: Ask, status: int, place: int) -> None:
    server.limits.poison, server.limits.poison_status = f"number {place}", status
    outcomes = ask(TEXTS)
    failure = outcomes.pop(place)
    assert failure.kind == "item"
    assert str(status) in failure.reason
    assert all_near(outcomes, TEXTS[:place] + TEXTS[place + 1 :])
    assert len(server.requests) <= 14


def test_a_refused_text_alone_is_to_blame_if_others_are_answered(
    server: stand_in.Provider, ask: Ask
) -> None:
    server.limits.poison = "poison"
    (failure,) = ask(["this is poison"])
    assert failure.kind == "item"
    assert server.texts == ["this is poison", "pg_steward"]


def test_vector_that_is_none_of_one_text(server: stand_in.Provider, ask: Ask) -> None:
    server.always = stand_in.not_a_number(3)
    outcomes = ask(TEXTS)
    assert outcomes[3] == Failure("item", "the vector has a number in it that is none")
    assert all_near(outcomes[:3] + outcomes[4:], TEXTS[:3] + TEXTS[4:])


@pytest.mark.parametrize("status", [413, 422])
def test_smaller_requests_are_learned(
    server: stand_in.Provider, model: Model, transport: Transport, status: int
) -> None:
    server.limits.inputs, server.limits.status = 3, status
    provider = Provider(model, transport)
    assert all_near(provider.embed(TEXTS).outcomes, TEXTS)
    before = len(server.requests)
    assert all_near(provider.embed(TEXTS).outcomes, TEXTS)
    assert len(server.requests) - before == 4
    assert provider.most_inputs == 3


def test_provider_that_answers_one_text_only(server: stand_in.Provider, ask: Ask) -> None:
    server.always = stand_in.Vectors(lambda vectors: vectors[:1])
    assert all_near(ask(TEXTS), TEXTS)


@pytest.mark.parametrize("text", [None, " \n"])
def test_no_text(server: stand_in.Provider, ask: Ask, text: str | None) -> None:
    outcomes = ask(["one", text])
    assert outcomes[1].kind == "item"
    assert server.texts == ["one"]


def test_too_long_a_text(server: stand_in.Provider, ask: Ask) -> None:
    long = "word " * 1000
    outcomes = ask(["one", long], input_tokens=100)
    assert outcomes[1].kind == "item"
    assert "about 1250 tokens, and the model takes 100" in outcomes[1].reason
    assert server.texts == ["one"]

    outcomes = ask(["one", long], input_tokens=100, on_too_long="truncate")
    assert near(outcomes[1], truncated(long, 400))


@pytest.mark.parametrize("status", [400, 413, 422])
def test_text_that_the_provider_finds_too_long(
    server: stand_in.Provider, ask: Ask, status: int
) -> None:
    server.limits.tokens_each, server.limits.status = 100, status
    long = "word " * 1000
    (good, bad) = ask(["one", long])
    assert near(good, "one")
    assert bad.kind == "item"
    (good, cut) = ask(["one", long], on_too_long="truncate")
    assert near(good, "one")
    assert isinstance(cut, str)


# ---- what a failure says


def test_key_is_said_nowhere() -> None:
    for echo in (KEY, f"Bearer {KEY}", json.dumps(KEY), KEY[:10], KEY[-9:], KEY.encode().hex()):
        said = without_key(f"wrong key {echo} given", KEY)
        assert not any(KEY[place : place + 8] in said for place in range(len(KEY) - 7))
        assert "wrong key" in said
    assert without_key("x" * 290 + KEY, KEY) == "x" * 290 + "***"
    assert without_key("no key", None) == "no key"


def test_texts_are_said_nowhere(server: stand_in.Provider, ask: Ask) -> None:
    server.limits.poison = "poison"
    text = "the secret recipe of our house is flour and a little poison"
    (failure,) = ask([text])
    assert failure.reason == "the provider answered 400 Bad Request: (it quotes the text)"


# ---- the pool


def gather(pool: Pool, count: int, seconds: float = 20) -> list[Done]:
    until = time.monotonic() + seconds
    found: list[Done] = []
    while len(found) < count:
        assert time.monotonic() < until, f"{len(found)} of {count}"
        found += pool.wait(0.1)
    return sorted(found, key=lambda done: done.token)


def test_claims_share_requests(
    server: stand_in.Provider, model: Model, transport: Transport
) -> None:
    provider = Provider(replace(model, batch_inputs=16), transport)
    pool = Pool(transport)
    for token in range(20):
        pool.submit(provider, token, [f"{token} {number}" for number in range(5)])
    assert len(pool) == 20
    done = gather(pool, 20)
    assert len(pool) == 0
    for each in done:
        assert all_near(each.vectors, [f"{each.token} {number}" for number in range(5)])
        assert each.tokens == 5
    assert len(server.requests) <= 10
    assert pool.wait(0) == []


def test_requests_are_under_way_together(
    server: stand_in.Provider, model: Model, transport: Transport
) -> None:
    server.latency = 0.2
    provider = Provider(replace(model, batch_inputs=16), transport)
    pool = Pool(transport, requests=4)
    began = time.monotonic()
    pool.submit(provider, 1, [f"text {number}" for number in range(64)])
    gather(pool, 1)
    assert time.monotonic() - began < 0.6
    assert server.most_under_way == 4


def test_connections_are_kept(
    server: stand_in.Provider, model: Model, transport: Transport
) -> None:
    provider = Provider(model, transport)
    for _ in range(5):
        provider.embed(["one"])
    assert len({request.connection for request in server.requests}) == 1


def test_kept_connection_that_was_closed_is_replaced(
    server: stand_in.Provider, model: Model, transport: Transport
) -> None:
    provider = Provider(model, transport)
    provider.embed(["one"])
    server.faults = [Vanish()]
    assert all_near(provider.embed(["two"]).outcomes, ["two"])


def test_what_is_not_sent_comes_back(
    server: stand_in.Provider, model: Model, transport: Transport
) -> None:
    server.always = Status(503)
    provider = Provider(replace(model, batch_inputs=1), transport)
    pool = Pool(transport, requests=1)
    for token in range(30):
        pool.submit(provider, token, [f"text {token}"])
    done = gather(pool, 30)
    kinds = [each.failure.kind for each in done if each.failure]
    assert len(kinds) == 30
    assert kinds.count("transient") + kinds.count("unsent") == 30
    assert kinds.count("transient") == len(server.requests) <= 2 < kinds.count("unsent")


def test_one_that_hangs_stops_no_other(
    server: stand_in.Provider, model: Model, transport: Transport
) -> None:
    with stand_in.Provider() as other:
        server.always = Hang()
        pool = Pool(transport, requests=2)
        hanging = Provider(replace(model, name="hanging@1", batch_inputs=4), transport)
        well = Provider(replace(model, endpoint=other.url), transport)
        for token in range(100):
            pool.submit(hanging, token, ["text"])
        pool.submit(well, 1000, ["text"])
        assert [done.token for done in gather(pool, 1, 2)] == [1000]
        pool.withdraw()
        assert {done.failure.kind for done in gather(pool, 60, 2) if done.failure} == {"unsent"}


def test_close_ends_calls_under_way(
    server: stand_in.Provider, model: Model, transport: Transport
) -> None:
    server.always = hang = Hang()
    pool = Pool(transport)
    pool.submit(Provider(replace(model, timeout=60), transport), 1, ["text"])
    pool.wait(0)
    assert hang.held.wait(5)
    before = threading.active_count()
    began = time.monotonic()
    pool.close()
    assert time.monotonic() - began < 0.9
    assert threading.active_count() < before


def test_retry_waits_end_with_close(
    server: stand_in.Provider, model: Model, transport: Transport
) -> None:
    server.always = too_many("2.5")
    pool = Pool(transport)
    pool.submit(Provider(model, transport), 1, ["text"])
    pool.wait(0)
    while not server.requests:
        time.sleep(0.01)
    time.sleep(0.1)
    began = time.monotonic()
    pool.close()
    assert time.monotonic() - began < 0.9


def test_builtin(transport: Transport) -> None:
    provider = Provider(Model("builtin/hash@1", "builtin", 256), transport)
    outcomes = provider.embed(["one", " ", "two"]).outcomes
    assert near(str(outcomes[0]), "one")
    assert outcomes[1] == Failure("item", "a blank text has no vector")
    assert near(str(outcomes[2]), "two")


# ---- settings


def test_row_of_the_registry() -> None:
    model = parse_model(
        '{"name": "a/b@2", "provider": "openai", "dimensions": 3, "timeout": 7, "price": 1,'
        ' "secret": null}'
    )
    assert model == Model("a/b@2", "openai", 3, timeout=7.0)
    assert model.remote_name == "a/b"
    assert model.endpoint == "https://api.openai.com/v1"


@pytest.mark.parametrize(
    "changes, complaint",
    [
        ({"endpoint": "ftp://somewhere"}, "begins with https"),
        ({"endpoint": "http://user:password@somewhere"}, "no user and password"),
        ({"endpoint": "http:///v1"}, "names no host"),
        ({"endpoint": "http://a b"}, "without spaces"),
        ({"endpoint": "http://host:99999"}, "not an address"),
        ({"provider": "http"}, "needs a request"),
        ({"provider": "http", "request": {"a": 1}, "answer": "x"}, "has {{texts}}"),
        ({"provider": "http", "request": "{{texts}}", "answer": "x[a"}, "not a path"),
        ({"secret": "s", "secret_header": "nonsense"}, "of the form Name: value"),
    ],
)
def test_settings_that_cannot_work(changes: dict[str, Any], complaint: str) -> None:
    model = Model("a@1", "openai", 3, endpoint="http://localhost")
    check_model(model)
    with pytest.raises(StewardError) as caught:
        check_model(replace(model, **changes))
    assert complaint in str(caught.value.detail)


def test_pack() -> None:
    assert list(pack([], 3, 10)) == []
    assert list(pack([1] * 7, 3, 10)) == [range(3), range(3, 6), range(6, 7)]
    assert list(pack([6, 6, 3, 99, 1], 9, 10)) == [
        range(1),
        range(1, 3),
        range(3, 4),
        range(4, 5),
    ]
    assert estimated_tokens("12345") == 2
    assert estimated_tokens("") == 0
