create or replace function steward_private.give_back(claim steward_private.claim, error text)
returns text
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_claim steward_private.claim := give_back.claim;
    v_space steward_private.space;
    v_source steward_private.source;
    v_attempts integer;
    v_generation bigint;
    v_failed boolean;
    v_found boolean;
begin
    select s.* into strict v_space
    from steward_private.space as s
    where s.space_id = v_claim.space_id;

    select s.* into strict v_source
    from steward_private.source as s
    where s.source_id = v_space.source_id;

    execute format(
        'select t.attempts, t.generation from %1$s as t, %2$s as k '
        'where %3$s and t.token = $2 for update of t skip locked',
        v_space.job_table,
        steward_private.key_record(v_source, '$1'),
        steward_private.key_match(v_source, 't', 'k')
    )
    into v_attempts, v_generation
    using v_claim.key, v_claim.token;

    if v_attempts is null then
        execute format(
            'select true from %1$s as t, %2$s as k where %3$s and t.token = $2',
            v_space.job_table,
            steward_private.key_record(v_source, '$1'),
            steward_private.key_match(v_source, 't', 'k')
        )
        into v_found
        using v_claim.key, v_claim.token;

        if v_found then
            return 'busy';
        end if;

        -- the row was deleted, or its job went another way: nothing left to give back
        delete from steward_private.claim as c where c.token = v_claim.token;
        return 'gone';
    end if;

    -- a text that was edited since deserves attempts of its own
    v_failed := v_attempts >= steward_private.max_attempts() and v_generation = v_claim.generation;

    execute format(
        $sql$
        update %1$s as t
        set
            token = null,
            last_error = $2,
            failed_at = case when $3 then now() end,
            attempts = case when t.generation = $4 then t.attempts else 0 end,
            -- 15 s, 1 min, 4 min: a provider that is down for a while fails no row
            available_at = clock_timestamp() + interval '15 seconds' * 4 ^ (t.attempts - 1)
        from %2$s as k
        where %3$s
        $sql$,
        v_space.job_table,
        steward_private.key_record(v_source, '$1'),
        steward_private.key_match(v_source, 't', 'k')
    )
    using v_claim.key, left(give_back.error, 2000), v_failed, v_claim.generation;

    if v_failed then
        insert into steward_private.decision (space_id, key, outcome, reason)
        values (v_space.space_id, v_claim.key, 'failed', left(give_back.error, 2000));
    end if;

    delete from steward_private.claim as c where c.token = v_claim.token;

    return case when v_failed then 'failed' else 'pending' end;
end
$function$;
