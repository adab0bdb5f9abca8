create or replace view steward.freshness as
select
    f.source,
    f.model,
    f.documents,
    f.fresh,
    f.pending,
    f.failed,
    f.missing,
    f.chunks,
    f.oldest_pending
from steward_private.all_freshness() as f;

comment on view steward.freshness is
'How true the vectors are, per source. documents: rows of the source now. fresh: embedded as they '
'are. pending: changed since, or being worked on. failed: given up after four attempts. missing: '
'never seen, because triggers were off. chunks: vectors stored. Without figures: the source cannot '
'be read, and steward.check() says why. Counts the source, which takes a while on millions of '
'rows.';
