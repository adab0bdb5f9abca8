"""The models that this worker can embed with, as they are registered at the moment."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from steward_py.endpoints import Rule
from steward_py.errors import StewardError
from steward_py.packing import Provider
from steward_py.providers import PROVIDERS, Model, check_model, parse_model
from steward_py.transport import Transport
from steward_worker.database import Session
from steward_worker.keys import KeyProblem, key_of
from steward_worker.log import Log
from steward_worker.options import Options

LOCAL = "local"

# Rows are held, and their leases extended, while a provider that has had enough is waited for.
_PATIENCE = 15.0

_MODELS = (
    "select m.model, steward._model_settings(m.model) from steward.models as m"
    " where m.provider = any(%s)"
)

_UNKNOWN = (
    "select w.model from unnest(%s::text[]) as w (model)"
    " where not exists (select from steward.models as m where m.model = w.model)"
)

# What makes vectors without a provider; imported and loaded only when it is asked for.
LocalModel = Callable[[Model], Provider]


class UnknownModel(Exception):
    """Nobody has added a model that is asked for by its name."""


@dataclass(frozen=True)
class Ready:
    """A model: with a provider, or the reason why it cannot be called from here."""

    settings: str
    key: str | None
    provider: Provider | None
    problem: str | None = None

    def __repr__(self) -> str:
        return f"Ready({self.provider and self.provider.model.name})"


class Registry:
    """Reads the registry now and then; what has changed holds for the next request."""

    def __init__(self, options: Options, log: Log, local: LocalModel | None) -> None:
        self._options = options
        self._log = log
        self._local = local
        self._models: dict[str, Ready] = {}
        self._transports: dict[str, Transport] = {}

    @property
    def providers(self) -> dict[str, Provider]:
        """By name the models whose rows are to be claimed: those that can be called from here."""
        return {
            name: ready.provider
            for name, ready in self._models.items()
            if ready.provider is not None
        }

    @property
    def problems(self) -> dict[str, str]:
        """Why the others cannot; they are left to other workers."""
        return {name: ready.problem for name, ready in self._models.items() if ready.problem}

    def require(self, session: Session) -> None:
        """Raise ``UnknownModel`` if the database does not know one that --model names."""
        unknown = [name for (name,) in session.run(_UNKNOWN, [list(self._options.model)])]
        if unknown:
            raise UnknownModel(f"no such model: {', '.join(unknown)}")

    def refresh(self, session: Session) -> None:
        """Ask the database which models there are."""
        providers = [*PROVIDERS, *([LOCAL] if self._local else [])]
        if self._options.provider:
            providers = [name for name in providers if name in self._options.provider]
        found: dict[str, Ready] = {}
        for name, settings in session.run(_MODELS, [providers]):
            if not self._options.model or name in self._options.model:
                found[name] = self._ready(name, settings)
        for name in found.keys() - self._models.keys():
            self._log.info(
                "model", model=name, provider=json.loads(found[name].settings)["provider"]
            )
        self._models = found

    def close(self) -> None:
        """End all calls."""
        for transport in self._transports.values():
            transport.close()

    def _ready(self, name: str, settings: dict[str, object]) -> Ready:
        written = json.dumps(settings, sort_keys=True)
        before = self._models.get(name)
        key: str | None = None
        try:
            model = parse_model(settings)
            if model.provider != LOCAL:
                check_model(model)
                key = key_of(model, self._options.environment, self._options.secrets)
            is_same = before is not None and (before.settings, before.key) == (written, key)
            if before is not None and is_same and before.provider is not None:
                # the one that knows how fast it may be asked
                return before
            return Ready(written, key, self._provider(model, settings, key))
        except (KeyProblem, StewardError) as error:
            reason = str(error)
            if isinstance(error, StewardError):
                reason = f"{error.message}: {error.detail}" if error.detail else error.message
            if before is None or before.problem != reason:
                self._log.error("model cannot be called", model=name, reason=reason)
            return Ready(written, key, None, reason)

    def _provider(self, model: Model, settings: dict[str, object], key: str | None) -> Provider:
        if model.provider == LOCAL and self._local is not None:
            return self._local(model)
        allowed = self._options.endpoints or str(settings["allowed"])
        transport = self._transports.get(allowed)
        if transport is None:
            transport = self._transports[allowed] = Transport(Rule(allowed))
        return Provider(model, transport, key, share=self._options.share, patience=_PATIENCE)
