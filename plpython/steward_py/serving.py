"""What SQL calls to ask models that are elsewhere, and to work for them.

Apart from ``entry``, because a session that cuts texts needs no network.
"""

from __future__ import annotations

import time

from steward_py import access, asking
from steward_py.arguments import given, pulse_of
from steward_py.errors import reporting
from steward_py.server import Server
from steward_py.worker import Limits, run


def load_provider(plpy: Server, model: str | None) -> None:
    """Read how a model is called into this process; see ``access``."""
    with reporting(plpy):
        access.load(plpy, given("model", model))


def embed_query(plpy: Server, model: str | None, query: str | None) -> str:
    """The vector of what somebody searches for; see ``asking``."""
    with reporting(plpy):
        pulse = pulse_of(plpy, time.monotonic)
        return asking.query_vector(plpy, given("model", model), given("query", query), pulse)


def test_model(plpy: Server, model: str | None) -> list[asking.Step]:
    """What works of a model and what does not, as rows; see ``asking``."""
    with reporting(plpy):
        pulse = pulse_of(plpy, time.monotonic)
        return list(asking.tried_out(plpy, given("model", model), pulse))


def work(
    plpy: Server,
    seconds: float | None,
    batch: int | None,
    lease_seconds: float | None,
    worker: str | None,
    *,
    idle_seconds: float | None = 5.0,
    requests: int | None = 8,
    workers: int | None = 1,
) -> dict[str, int]:
    """Work for a while on jobs of models that the server can call; see ``worker.run``."""
    with reporting(plpy):
        limits = Limits(
            # Arguments of type numeric arrive as Decimal.
            seconds=float(given("seconds", seconds)),
            idle_seconds=float(given("idle_seconds", idle_seconds)),
            batch=given("batch", batch),
            lease_seconds=float(given("lease_seconds", lease_seconds)),
            requests=given("requests", requests),
            workers=given("workers", workers),
        )
        return run(plpy, given("worker", worker), limits).as_dict()
