create or replace function steward_private.take_jobs(
    source steward_private.source,
    space steward_private.space,
    worker text,
    batch integer,
    claimed_at timestamptz,
    lease_expires_at timestamptz
)
returns bigint[]
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
-- a float's text has as many digits as the session wants, and keys are compared as text
set extra_float_digits = 3
as $function$
declare
    v_tokens bigint[];
begin
    -- The limit is written into the statement: with a parameter there the planner would expect a
    -- large part of the table. MATERIALIZED, or the locking subquery could run more than once.
    execute format(
        $sql$
        with due as materialized (
            select %2$s
            from %1$s as t
            where t.token is null and t.failed_at is null and t.available_at <= $3
            order by t.priority desc, t.available_at
            limit %3$s
            for update skip locked
        ),

        taken as (
            update %1$s as t
            set
                token = nextval('steward_private.claim_token_seq'),
                attempts = t.attempts + 1
            from due
            where %4$s
            returning t.token, t.generation, %5$s as key
        ),

        claimed as (
            insert into steward_private.claim (
                token, space_id, key, generation, worker, claimed_at, lease_expires_at
            )
            select taken.token, $1, taken.key, taken.generation, $2, $3, $4
            from taken
            returning token
        )

        select coalesce(array_agg(claimed.token), '{}') from claimed
        $sql$,
        (take_jobs.space).job_table,
        steward_private.key_list(take_jobs.source, 't'),
        take_jobs.batch,
        steward_private.key_match(take_jobs.source, 't', 'due'),
        steward_private.key_object(take_jobs.source, 't')
    )
    into v_tokens
    using
        (take_jobs.space).space_id, take_jobs.worker,
        take_jobs.claimed_at, take_jobs.lease_expires_at;

    return v_tokens;
end
$function$;
