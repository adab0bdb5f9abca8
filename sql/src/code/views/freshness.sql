create or replace view steward.freshness as
select
    f.source,
    f.model,
    f.state,
    f.documents,
    f.fresh,
    f.accepted,
    f.pending,
    f.failed,
    f.missing,
    f.outdated,
    f.orphans,
    f.coverage,
    f.chunks,
    f.oldest_pending,
    f.lag_p50,
    f.lag_p95,
    f.lag_p99,
    f.counted_at,
    f.is_estimated
from steward_private.all_freshness() as f;

comment on view steward.freshness is
'How true the vectors are, per source and model. documents: rows of the source. fresh: embedded as '
'they are. accepted: documents that show another text than their vectors were made of, because '
'the change was judged insignificant; steward.decisions says why. pending: changed since, or '
'being worked on. failed: given up after four attempts. '
'missing, outdated: rows without a document, or with one of another text, that no trigger has told '
'of (the last steward.reconcile() did, at counted_at). orphans: documents whose row is gone. '
'coverage: the fresh share of the rows. chunks: vectors stored. lag_p50 and so on: how long the '
'last thousand edits took from the edit to being searchable. is_estimated: a backfill has yet to '
'come to some rows, and how many is an estimate. Without figures: the source cannot be read, and '
'steward.check() says why. Reads no source and counts no table; steward.verify() does.';
