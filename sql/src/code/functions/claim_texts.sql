create or replace function steward.claim_texts(
    worker text,
    batch integer default 10,
    lease interval default '5 minutes',
    source regclass default null,
    provider text default null,
    models text[] default null
)
returns table (
    token bigint,
    claimed_source regclass,
    key jsonb,
    model text,
    dimensions integer,
    content text,
    known jsonb,
    options jsonb
)
language sql
volatile parallel unsafe
-- definer: reads sources and writes jobs on behalf of a worker that has no other right
security definer
set search_path = pg_catalog, pg_temp
begin atomic
    select
        c.token,
        c.claimed_source,
        c.key,
        c.model,
        c.dimensions,
        c.content,
        c.known,
        c.options
    from steward_private.take_claims(
        claim_texts.worker, claim_texts.batch, claim_texts.lease, claim_texts.source,
        claim_texts.provider, claim_texts.models, false
    ) as c;
end;

comment on function steward.claim_texts(text, integer, interval, regclass, text, text[]) is
'As steward.claim(), for a worker that cuts and compares the texts itself, because the server has '
'no PL/Python. Each row returned has its whole content, the chunks that are stored of it (known), '
'and the options by which to cut and compare. What comes of that goes to steward.submit_plans(). '
'For steward_worker.';
