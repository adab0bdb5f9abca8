create or replace function steward._trigger_functions(source regclass)
returns table (
    key_columns name[],
    mark regprocedure,
    gone regprocedure,
    truncated regprocedure,
    sync regprocedure
)
language sql
stable parallel safe
-- definer: the registry belongs to pg_steward; names are no secret
security definer
set search_path = pg_catalog, pg_temp
begin atomic
    select
        s.key_columns,
        to_regprocedure(
            format('steward_data.%I()', steward_private.generated_name(s, s.source_id, 'mark'))
        ) as mark,
        to_regprocedure(
            format('steward_data.%I()', steward_private.generated_name(s, s.source_id, 'gone'))
        ) as gone,
        to_regprocedure(
            format('steward_data.%I()', steward_private.generated_name(s, s.source_id, 'truncated'))
        ) as truncated,
        case
            when s.mode = 'transactional'
                then to_regprocedure(
                    format(
                        'steward_data.%I()', steward_private.generated_name(s, s.source_id, 'sync')
                    )
                )
        end as sync
    from steward_private.source_of(_trigger_functions.source) as s;
end;

comment on function steward._trigger_functions(regclass) is
'The key columns of a tracked table, and the functions that its triggers call.';
