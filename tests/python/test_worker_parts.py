"""The parts of the external worker that need no database."""

from __future__ import annotations

import io
import json
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from steward_py.providers import Model
from steward_worker import serving
from steward_worker.hand import Claim, Hand
from steward_worker.keys import KeyProblem, key_of
from steward_worker.local import LocalProvider, SharedEncoder
from steward_worker.log import Log
from steward_worker.options import Options, parse
from steward_worker.taking import Backlog

KEY = "sk-0123456789abcdef"


def test_options_come_from_arguments_and_variables() -> None:
    """Arguments count more, and times have units."""
    environment = {
        "STEWARD_POLL_MAX": "3s",
        "STEWARD_BATCH": "7",
        "STEWARD_ONCE": "yes",
        "STEWARD_PROGRESS": "no",
        "STEWARD_LISTEN": "",
    }
    options = parse(["--batch", "9", "--poll-min", "250ms", "--model", "a@1, b@1"], environment)
    assert (options.poll_max, options.poll_min, options.batch) == (3.0, 0.25, 9)
    assert (options.once, options.progress, options.listen) == (True, False, "")
    assert options.model == ("a@1", "b@1")
    assert parse([], {}).listen is None
    assert not parse([], {"STEWARD_ONCE": "0"}).once


@pytest.mark.parametrize(
    "arguments",
    [
        ["--batch", "0"],
        ["--lease", "soon"],
        ["--lease", "10ms"],
        ["--poll-min", "2s", "--poll-max", "1s"],
        ["--share", "0"],
        ["--secrets", "/nowhere/at/all"],
        ["--concurrency", "0"],
        ["--readers", "0"],
        ["--serve", "8090"],
    ],
)
def test_options_that_make_no_sense_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2, and which one."""
    with pytest.raises(SystemExit) as caught:
        parse(arguments, {})
    assert caught.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_options_show_no_key() -> None:
    """Whoever prints them does not print the environment."""
    assert KEY not in repr(Options(environment={"STEWARD_SECRET_A": KEY}))


def model(**options: str) -> Model:
    """One with a secret."""
    return Model(name="m@1", provider="openai", dimensions=3, secret="my.key", **options)  # type: ignore[arg-type]  # noqa: S106


def test_key_is_for_the_usual_address_unless_told(tmp_path: Path) -> None:
    """Otherwise its origin has to be the endpoint's."""
    environment = {"STEWARD_SECRET_MY_KEY": KEY}
    assert key_of(model(), environment, None) == KEY
    with pytest.raises(KeyProblem, match="ORIGIN"):
        key_of(model(endpoint="https://evil.example/v1"), environment, None)
    environment["STEWARD_SECRET_MY_KEY_ORIGIN"] = "https://own.example"  # noqa: S105
    assert key_of(model(endpoint="https://own.example/v1"), environment, None) == KEY
    with pytest.raises(KeyProblem, match=r"is for https://own\.example"):
        key_of(model(), environment, None)

    (tmp_path / "my.key").write_text(KEY + "\n", encoding="ascii")
    assert key_of(model(), {}, tmp_path) == KEY
    (tmp_path / "my.key.origin").write_text("http://localhost:8080\n", encoding="ascii")
    assert key_of(model(endpoint="http://localhost:8080/v1"), {}, tmp_path) == KEY
    with pytest.raises(KeyProblem, match="is for http://localhost:8080"):
        key_of(model(), {}, tmp_path)


def test_what_is_wrong_with_a_key_is_said_without_it(tmp_path: Path) -> None:
    """Missing, not sendable, and names that lead out of the folder."""
    with pytest.raises(KeyProblem, match="STEWARD_SECRET_MY_KEY"):
        key_of(model(), {}, tmp_path)
    with pytest.raises(KeyProblem) as caught:
        key_of(model(), {"STEWARD_SECRET_MY_KEY": f"{KEY}\nX: y"}, None)
    assert KEY not in str(caught.value)
    (tmp_path / "inner").mkdir()
    (tmp_path / "outer").write_text(KEY, encoding="ascii")
    out = Model(name="m@1", provider="openai", dimensions=3, secret="../outer")  # noqa: S106
    with pytest.raises(KeyProblem):
        key_of(out, {}, tmp_path / "inner")


def claims(model_name: str, *tokens: int) -> list[Claim]:
    """Rows of ten characters."""
    return [Claim(token, "docs", model_name, 10) for token in tokens]


def room(hand: Hand, *models: str, most: int = 100) -> tuple[list[str], int]:
    """What may be claimed by somebody who then claims nothing."""
    with hand.room(models, most) as found:
        return found


def test_hand_leaves_out_a_model_of_which_there_is_enough() -> None:
    """What may be claimed of the others is not made smaller by it."""
    hand = Hand(rows=4, characters=1000)
    assert room(hand, "a", "b") == (["a", "b"], 4)
    hand.add(claims("a", 1, 2, 3, 4))
    assert room(hand, "a", "b") == (["b"], 4)
    hand.add(claims("b", 5))
    assert room(hand, "a", "b") == (["b"], 3)
    assert room(hand, "a", "b", most=2) == (["b"], 2)
    hand.remove([1, 2, 99])
    assert room(hand, "a", "b") == (["a", "b"], 2)
    assert hand.tokens() == [3, 4, 5]


def test_hand_keeps_room_for_those_who_are_claiming() -> None:
    """Two who claim at the same time do not take more than there is room for."""
    hand = Hand(rows=4, characters=1000)
    with hand.room(["a"], 3) as first:
        assert first == (["a"], 3)
        assert room(hand, "a", "b") == (["a", "b"], 1)
        hand.add(claims("a", 1))
        with hand.room(["a"], 3) as second:
            assert second == ([], 0)
        before = hand.freed
    assert room(hand, "a") == (["a"], 3)
    # whoever found none is told
    hand.wait_for_room(before, 60)


def test_hand_holds_so_much_text_and_no_more() -> None:
    """Long rows count for what they are."""
    hand = Hand(rows=100, characters=30)
    hand.add(claims("a", 1, 2, 3))
    assert room(hand, "a") == ([], 0)
    hand.remove([1])
    assert room(hand, "a") == (["a"], 98)
    long = Hand(rows=100, characters=100_000_000)
    long.add([Claim(1, "docs", "a", 3_000_000)])
    assert room(long, "a") == (["a"], 2)


def test_hand_ends_a_rest() -> None:
    """Also one that begins only after it was woken."""
    hand = Hand(rows=1, characters=1)
    hand.wake()
    hand.rest(60)
    threading.Timer(0.05, hand.wake).start()
    hand.rest(60)
    assert hand.wait_until_empty(0)


def test_backlog_that_is_closed_keeps_nobody_waiting() -> None:
    """Whatever a claim says at the same moment."""
    backlog = Backlog()
    assert not backlog.wait(0)
    backlog.tell(True)
    assert backlog.wait(60)
    backlog.tell(False)
    backlog.close()
    backlog.tell(False)
    assert not backlog.wait(60)
    with backlog.claiming():
        assert backlog.is_being_claimed
    assert not backlog.is_being_claimed


def test_log_is_one_line_an_event() -> None:
    """JSON for programs; and nothing below the level."""
    stream = io.StringIO()
    log = Log("json", "warning", stream)
    log.info("quiet")
    log.warning("loud", reason="two\nlines")
    told = json.loads(stream.getvalue())
    assert (told["event"], told["level"], told["reason"]) == ("loud", "warning", "two\nlines")
    assert stream.getvalue().count("\n") == 1

    stream = io.StringIO()
    Log("text", "info", stream).info("loud", reason="two\nlines")
    assert "info: loud reason=two lines" in stream.getvalue()


class Encoder:
    """In the place of sentence-transformers."""

    def __init__(self, answer: list[list[float]] | Exception) -> None:
        self.answer = answer

    def encode(self, texts: list[str], **_: object) -> list[list[float]]:
        """As many vectors as texts."""
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer[: len(texts)]


def test_local_model_answers_like_a_provider() -> None:
    """Blank texts, numbers that are none, other dimensions, and errors have their classes."""
    local = Model(name="l@1", provider="local", dimensions=2)
    vectors = [[1.0, 0.1], [float("nan"), 1.0], [1.0, 2.0, 3.0]]
    provider = LocalProvider(local, Encoder(vectors))
    outcomes = provider.embed(["a", " ", "b", "c"]).outcomes
    assert outcomes[0] == "[1,0.1]"
    kinds = [getattr(outcome, "kind", None) for outcome in outcomes[1:]]
    assert kinds == ["item", "item", "configuration"]
    (failed,) = LocalProvider(local, Encoder(RuntimeError("boom"))).embed(["a"]).outcomes
    assert getattr(failed, "kind", None) == "transient"


class Slow:
    """In the place of sentence-transformers: it says when it begins, and waits to be let on."""

    def __init__(self) -> None:
        self.begun: list[list[str]] = []
        self.may_go_on = threading.Semaphore(0)
        self.together = threading.Lock()

    def encode(self, texts: list[str], **_: object) -> list[list[float]]:
        """The lengths of the texts."""
        assert self.together.acquire(blocking=False), "two at the same time"
        self.begun.append(texts)
        assert self.may_go_on.acquire(timeout=10)
        self.together.release()
        return [[float(len(text))] for text in texts]


def test_search_does_not_wait_for_a_whole_batch() -> None:
    """One text is embedded after the part that is under way, and before the other parts."""
    slow = Slow()
    shared = SharedEncoder(slow)
    results: dict[str, list[Any]] = {}

    def encode(name: str, texts: list[str]) -> threading.Thread:
        thread = threading.Thread(
            target=lambda: results.__setitem__(name, shared.encode(texts)), daemon=True
        )
        thread.start()
        return thread

    many = [f"text {number}" for number in range(40)]
    batch = encode("batch", many)
    while not slow.begun:
        time.sleep(0.001)
    search = encode("search", ["query"])
    while not shared._urgent:
        time.sleep(0.001)
    for _ in range(4):
        slow.may_go_on.release()
    batch.join(10)
    search.join(10)
    assert [texts[0] for texts in slow.begun] == ["text 0", "query", "text 16", "text 32"]
    assert results == {"search": [[5.0]], "batch": [[float(len(text))] for text in many]}


def post(port: int, path: str, body: bytes) -> tuple[int, Any]:
    """What the worker's endpoint answers."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_local_model_is_served_as_openai_does_it() -> None:
    """One text or several, numbers or base64; and what is wrong is said."""
    encoder = Encoder([[1.0, 0.5], [2.0, 0.25]])
    port = serving.serve("127.0.0.1", 0, encoder)
    status, told = post(port, "/v1/embeddings", b'{"input": ["one", "two"], "model": "m"}')
    assert (status, [item["embedding"] for item in told["data"]]) == (200, [[1, 0.5], [2, 0.25]])
    assert [item["index"] for item in told["data"]] == [0, 1]
    status, told = post(port, "/v1/embeddings", b'{"input": "one", "encoding_format": "base64"}')
    assert (status, told["data"][0]["embedding"]) == (200, "AACAPwAAAD8=")
    for body in (b"{", b"[]", b"{}", b'{"input": 1}', b'{"input": [1]}'):
        status, told = post(port, "/v1/embeddings", body)
        assert (status, list(told)) == (400, ["error"])
    assert post(port, "/v1/completions", b"{}")[0] == 404
    encoder.answer = RuntimeError("boom")
    status, told = post(port, "/v1/embeddings", b'{"input": "one"}')
    assert status == 500
    assert "boom" in told["error"]["message"]
