-- Has every row of a source looked at, behind the edits, for one of its spaces or for all. Returns
-- how many there are: counted, or estimated where counting would take long.
create or replace function steward_private.begin_backfill(
    source steward_private.source, reason text, space_id integer default null
)
returns bigint
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_space steward_private.space;
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
    -- a table that is being tracked is locked meanwhile
    if coalesce(v_rows, 0) < 5000 then
        execute format(
            'select count(*) from steward_private.scan_%s(null, 5000)', v_source.source_id
        )
        into v_rows;

        -- never analyzed: as many as are in a table of rows of 200 bytes
        if v_rows = 5000 then
            v_rows := greatest(v_rows, pg_total_relation_size(v_source.relation) / 200);
        end if;
    end if;

    insert into steward_private.backfill (space_id, state, rows_estimated, reason)
    select s.space_id, 'running', v_rows, begin_backfill.reason
    from steward_private.space as s
    where
        s.source_id = v_source.source_id and s.state <> 'retired'
        and s.space_id = coalesce(begin_backfill.space_id, s.space_id)
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

    -- what has failed is looked at again, too
    for v_space in
        select s.*
        from steward_private.space as s
        where
            s.source_id = v_source.source_id and s.state <> 'retired'
            and s.space_id = coalesce(begin_backfill.space_id, s.space_id)
        order by s.space_id
    loop
        execute format(
            'update %s as t '
            'set failed_at = null, available_at = now(), attempts = 0, setbacks = 0 '
            'where t.failed_at is not null',
            v_space.job_table
        );
    end loop;

    return v_rows;
end
$function$;
