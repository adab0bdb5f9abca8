-- Has every row of a source looked at, behind the edits. Returns how many there are: counted, or
-- estimated where counting would take long.
create or replace function steward_private.begin_backfill(
    source steward_private.source, reason text
)
returns bigint
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := begin_backfill.source;
    v_rows bigint := (
        select sum(c.reltuples)
        from pg_class as c
        where
            c.relkind <> 'p'
            and (
                c.oid = v_source.relation
                or c.oid in (select p.relid from pg_partition_tree(v_source.relation) as p)
            )
    );
begin
    if coalesce(v_rows, 0) < 100000 then
        execute format(
            'select count(*) from steward_private.scan_%s(null, 100000)', v_source.source_id
        )
        into v_rows;
    end if;

    insert into steward_private.backfill (space_id, state, rows_estimated, reason)
    select s.space_id, 'running', v_rows, begin_backfill.reason
    from steward_private.space as s
    where s.source_id = v_source.source_id and s.state <> 'retired'
    on conflict on constraint backfill_pkey do update
    set
        state = excluded.state,
        last_key = null,
        rows_queued = 0,
        rows_estimated = excluded.rows_estimated,
        reason = excluded.reason,
        started_at = excluded.started_at,
        advanced_at = excluded.advanced_at,
        finished_at = null;

    return v_rows;
end
$function$;
