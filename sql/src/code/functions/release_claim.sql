create or replace function steward_private.release_claim(
    claim steward_private.claim, wait interval
)
returns text
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_claim steward_private.claim := release_claim.claim;
    v_state text := steward_private.lock_job(v_claim);
    v_source steward_private.source;
    v_space steward_private.space;
begin
    if v_state = 'held' then
        v_space := steward_private.space_of(v_claim);
        v_source := steward_private.source_of_space(v_space);
        execute format(
            $sql$
            update %1$s as t
            set
                token = null,
                attempts = greatest(t.attempts - 1, 0),
                available_at = clock_timestamp() + $2
            from %2$s as k
            where %3$s
            $sql$,
            v_space.job_table,
            steward_private.key_record(v_source, '$1'),
            steward_private.key_match(v_source, 't', 'k')
        )
        using v_claim.key, release_claim.wait;
        v_state := 'pending';
    end if;

    if v_state <> 'busy' then
        delete from steward_private.claim as c where c.token = v_claim.token;
    end if;

    return v_state;
end
$function$;
