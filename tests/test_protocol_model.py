"""The protocol holds in every order of its steps, and each of its rules is needed."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from protocol_model import (
    CRASHES,
    FILTERED,
    OLD_SNAPSHOTS,
    QUEUED,
    SCENARIOS,
    TRANSACTIONAL,
    Rules,
    Scenario,
    Violation,
    check,
)

# A rule, where it is broken, and what comes of it. Broken alone; all others hold.
MUTANTS = (
    ("fold_raises_generation", QUEUED, "lost"),
    ("fold_leaves_marks_of_locked_jobs", QUEUED, "lost"),
    ("fold_locks_ready_jobs", QUEUED, "lost"),
    ("fold_keeps_gone_of_held_jobs", QUEUED, "the document is that of an earlier row"),
    ("sweep_looks_under_its_lock", QUEUED, "lost"),
    ("claim_reads_after_fold", QUEUED, "lost"),
    ("tokens_are_unique", QUEUED, "two workers have the same token"),
    ("complete_checks_token", QUEUED, "a worker that had lost its token changed something"),
    ("complete_checks_generation", QUEUED, "lost"),
    ("complete_checks_source", QUEUED, "there is a document and no row"),
    ("complete_checks_gone", QUEUED, "the document is that of an earlier row"),
    ("complete_keeps_updates_out", FILTERED, "there is a document and no row"),
    ("sync_takes_job", TRANSACTIONAL, "lost"),
    ("reap_charges", CRASHES, "attempts do not end"),
    ("mark_commits_with_change", QUEUED, "lost"),
    ("edit_leaves_mark", QUEUED, "lost"),
    ("delete_leaves_mark", OLD_SNAPSHOTS, "lost"),
    ("delete_notes_gone", QUEUED, "the document is that of an earlier row"),
    ("delete_removes_document", QUEUED, "there is a document and no row"),
)

# A second line of defence, not needed as long as all other rules hold: whoever stores or removes a
# document takes the claim away or writes down that the row is gone.
REDUNDANT = ("complete_checks_revision", "fold_revokes_claims_of_gone")


def found(scenario: Scenario, rules: Rules) -> Violation:
    result = check(scenario, rules)
    assert result.violation is not None, f"nothing found in {result.states} states"
    print(result.violation)
    return result.violation


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_protocol_holds(scenario: Scenario) -> None:
    result = check(scenario)
    print(f"{scenario.name}: {result.states} states, {result.steps} steps")

    assert result.violation is None, str(result.violation)
    assert result.states > 10_000


@pytest.mark.parametrize(
    ("rule", "scenario", "problem"), MUTANTS, ids=[f"{m[0]}-{m[1].name}" for m in MUTANTS]
)
def test_every_rule_is_needed(rule: str, scenario: Scenario, problem: str) -> None:
    violation = found(scenario, replace(Rules(), **{rule: False}))

    assert violation.problem.startswith(problem), str(violation)
    assert len(violation.trace) > 1


@pytest.mark.parametrize("rule", REDUNDANT)
def test_second_line_of_defence(rule: str) -> None:
    result = check(TRANSACTIONAL, replace(Rules(), **{rule: False}))

    assert result.violation is None, str(result.violation)


def test_every_rule_is_broken_once() -> None:
    assert {f.name for f in fields(Rules)} == {m[0] for m in MUTANTS} | set(REDUNDANT)


def test_delete_that_does_nothing() -> None:
    rules = Rules(delete_removes_document=False, delete_leaves_mark=False)
    # whatever else is allowed for a while: here nobody ever comes
    scenario = replace(QUEUED, old_snapshots=True, documents_follow_rows=False)

    assert found(scenario, rules).problem.startswith("lost")


def test_known_limit_of_old_snapshots() -> None:
    """Under REPEATABLE READ a key that is used again may have the old document for a while."""
    violation = found(replace(OLD_SNAPSHOTS, documents_follow_rows=True), Rules())

    assert violation.problem.startswith("the document is that of an earlier row")
