create or replace function steward_private.all_freshness()
returns table (
    source regclass,
    model text,
    documents bigint,
    fresh bigint,
    pending bigint,
    failed bigint,
    missing bigint,
    chunks bigint,
    oldest_pending interval
)
language plpgsql
stable parallel unsafe
-- definer: counts rows of tables that the caller may not read; only numbers leave
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_row record;
    v_space steward_private.space;
    v_source steward_private.source;
begin
    for v_row in
        select sp as space, s as source
        from steward_private.space as sp
        inner join steward_private.source as s on s.source_id = sp.source_id
        -- the readers of a dropped table have gone with it
        inner join pg_class as c on c.oid = s.relation
        where sp.state <> 'retired'
        order by sp.space_id
    loop
        v_space := v_row.space;
        v_source := v_row.source;

        begin
            -- locks the source before what belongs to it, as everybody does
            execute format(
                'select from steward_private.read_%s(''[]'') as r', v_source.source_id
            );

            -- A row that a backfill has not come to is pending, and not missing.
            return query execute format(
                $sql$
                with document as materialized (
                    select
                        d.revision is not null and d.retired_at is null as is_known,
                        t.generation is not null or m.key is not null as is_dirty,
                        t.failed_at is not null and m.key is null as is_failed,
                        least(t.queued_at, m.marked_at) as queued_at
                    from (
                        select s.key as row_key, r.*
                        from steward_private.scan_%4$s(null, null) as s
                        cross join lateral %7$s as r
                    ) as r
                    left join %1$s as d on %5$s
                    left join %2$s as t on %6$s
                    left join steward_private.marks_%4$s() as m on m.key = r.row_key
                ),

                backfill as materialized (
                    select b.started_at
                    from steward_private.backfill as b
                    where b.space_id = $3 and b.state = 'running'
                )

                select
                    $1,
                    $2,
                    count(*),
                    count(*) filter (where f.is_known and not f.is_dirty),
                    count(*) filter (
                        where f.is_dirty and not f.is_failed
                        or not f.is_known and not f.is_dirty and exists (select from backfill)
                    ),
                    count(*) filter (where f.is_failed),
                    count(*) filter (
                        where not f.is_known and not f.is_dirty and not exists (select from backfill)
                    ),
                    (select count(*) from %3$s),
                    clock_timestamp() - coalesce(
                        min(f.queued_at) filter (where f.is_dirty and not f.is_failed),
                        (
                            select b.started_at
                            from backfill as b
                            where count(*) filter (where not f.is_known and not f.is_dirty) > 0
                        )
                    )
                from document as f
                $sql$,
                v_space.doc_table, v_space.job_table, v_space.chunk_table, v_source.source_id,
                steward_private.key_match(v_source, 'd', 'r'),
                steward_private.key_match(v_source, 't', 'r'),
                steward_private.key_record(v_source, 's.key')
            )
            using v_source.relation, v_space.model_name, v_space.space_id;
        exception
            -- One source that cannot be read must not hide the others. It is shown without figures,
            -- and check() says why.
            when transaction_rollback or insufficient_resources or lock_not_available then
                raise;
            when others then
                source := v_source.relation;
                model := v_space.model_name;
                return next;
        end;
    end loop;
end
$function$;
