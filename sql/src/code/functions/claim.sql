create or replace function steward.claim(
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
    texts text[]
)
language plpgsql
volatile parallel unsafe
-- definer: reads sources and writes jobs on behalf of a worker that has no other right
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    if not steward_private.has_python() then
        raise exception 'claim() requires PL/Python'
            using errcode = 'feature_not_supported',
            detail = 'It is what cuts and compares texts.',
            hint = 'Use steward-worker, which does that itself, or, as a superuser, run: '
                'create extension plpython3u; select steward.enable_python();';
    end if;

    return query
    select c.token, c.claimed_source, c.key, c.model, c.dimensions, c.texts
    from steward_private.take_claims(
        claim.worker, claim.batch, claim.lease, claim.source, claim.provider, claim.models, true
    ) as c;
end
$function$;

comment on function steward.claim(text, integer, interval, regclass, text, text[]) is
'Take up to batch dirty rows to work on, for as long as the lease lasts. Each row returned has a '
'token and the texts that need vectors; give those to steward.complete(), or say what went wrong '
'with steward.fail(). Rows that need no vector are finished at once and not returned. source, '
'provider, which can be several with commas, and models narrow the choice. Edits come before the '
'rows of a backfill, which get a tenth of each batch at least. Commit before calling a provider. '
'For steward_worker.';
