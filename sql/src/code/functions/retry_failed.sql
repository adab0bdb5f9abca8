create or replace function steward.retry_failed(source regclass)
returns bigint
language plpgsql
volatile parallel unsafe
-- definer: writes jobs on behalf of an operator that has no other right
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := steward_private.source_of(retry_failed.source);
    v_space steward_private.space;
    v_count bigint;
    v_total bigint := 0;
begin
    for v_space in
        select s.*
        from steward_private.space as s
        where s.source_id = v_source.source_id
        order by s.space_id
    loop
        execute format(
            'update %s as t '
            'set failed_at = null, available_at = now(), attempts = 0, setbacks = 0 '
            'where t.failed_at is not null',
            v_space.job_table
        );
        get diagnostics v_count = row_count;
        v_total := v_total + v_count;
    end loop;

    return v_total;
end
$function$;

comment on function steward.retry_failed(regclass) is
'Give the failed rows of a source four new attempts, once their cause is gone. Returns how many. '
'An edit of a failed row does the same for that row. For steward_operator.';
