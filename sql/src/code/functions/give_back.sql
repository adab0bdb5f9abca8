-- Takes a claim away from its worker, with the attempt charged. Returns 'pending', 'failed', or as
-- lock_job() does 'busy' or 'gone'.
create or replace function steward_private.give_back(claim steward_private.claim, error text)
returns text
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_claim steward_private.claim := give_back.claim;
    v_error text := left(give_back.error, 2000);
    v_state text := steward_private.lock_job(v_claim);
    v_space steward_private.space;
    v_source steward_private.source;
    v_failed boolean;
begin
    if v_state = 'held' then
        v_space := steward_private.space_of(v_claim);
        v_source := steward_private.source_of_space(v_space);
        -- a text that was edited since the claim deserves attempts of its own
        execute format(
            $sql$
            update %1$s as t
            set
                token = null,
                last_error = $2,
                failed_at = case
                    when t.generation = $3 and t.attempts >= steward_private.max_attempts()
                        then now()
                end,
                attempts = case when t.generation = $3 then t.attempts else 0 end,
                -- 15 s, 1 min, 4 min: a provider that is down for a while fails no row
                available_at = clock_timestamp() + interval '15 seconds' * 4 ^ (t.attempts - 1)
            from %2$s as k
            where %3$s
            returning t.failed_at is not null
            $sql$,
            v_space.job_table,
            steward_private.key_record(v_source, '$1'),
            steward_private.key_match(v_source, 't', 'k')
        )
        into strict v_failed
        using v_claim.key, v_error, v_claim.generation;

        if v_failed then
            insert into steward_private.decision (space_id, key, outcome, reason)
            values (v_space.space_id, v_claim.key, 'failed', v_error);
        end if;

        v_state := case when v_failed then 'failed' else 'pending' end;
    end if;

    if v_state <> 'busy' then
        delete from steward_private.claim as c where c.token = v_claim.token;
    end if;

    return v_state;
end
$function$;
