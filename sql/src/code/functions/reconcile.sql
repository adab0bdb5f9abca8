create or replace function steward.reconcile(
    source regclass, max_rows bigint default null, queue boolean default true
)
returns bigint
language plpgsql
volatile parallel unsafe
-- definer: reads rows and writes marks on behalf of an operator that has no other right
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := steward_private.source_of(reconcile.source);
    v_found bigint;
begin
    if reconcile.max_rows <= 0 then
        raise exception 'max_rows must be more than 0, or null for all rows'
            using errcode = 'invalid_parameter_value';
    end if;

    if reconcile.queue is null then
        raise exception 'queue must not be null'
            using errcode = 'null_value_not_allowed';
    end if;

    select c.amount into strict v_found
    from steward_private.census_slice(v_source, reconcile.max_rows, reconcile.queue) as c;

    return v_found;
end
$function$;

comment on function steward.reconcile(regclass, bigint, boolean) is
'Compare the rows of a source with the documents made of them, and have every row that has none'
' or was changed since, and whatever is stored of rows that are gone, looked at again, as after'
' an edit. For after something was written behind the back of the triggers '
'(session_replication_role, a disabled trigger); steward.reconcile_all() does it every night. '
'Returns how many it has found that were not known. queue false: only count them, for '
'steward.freshness, which shows since when as counted_at. max_rows: stop after so many rows; '
'the next call with max_rows goes on from there, also after a crash. Reads every row, but cuts '
'none; steward.verify() looks closer. Raises object_in_use while another session does the same.'
' For steward_operator.';
