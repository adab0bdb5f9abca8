-- Locks the job of a claim, without waiting. Returns 'held', 'busy' when somebody else has it
-- locked, or 'gone' when the job is no longer this claim's.
create or replace function steward_private.lock_job(claim steward_private.claim)
returns text
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_space steward_private.space := steward_private.space_of(lock_job.claim);
    v_source steward_private.source := steward_private.source_of_space(v_space);
    v_statement text := format(
        'select true from %1$s as t, %2$s as k where %3$s and t.token = $2',
        v_space.job_table,
        steward_private.key_record(v_source, '$1'),
        steward_private.key_match(v_source, 't', 'k')
    );
    v_found boolean;
begin
    execute v_statement || ' for update of t skip locked'
    into v_found
    using (lock_job.claim).key, (lock_job.claim).token;

    if v_found then
        return 'held';
    end if;

    execute v_statement
    into v_found
    using (lock_job.claim).key, (lock_job.claim).token;

    return case when v_found then 'busy' else 'gone' end;
end
$function$;
