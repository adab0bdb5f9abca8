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
        order by sp.space_id
    loop
        v_space := v_row.space;
        v_source := v_row.source;

        begin
            -- locks the source before what belongs to it, as everybody does
            execute format(
                'select from steward_private.read_%s(''[]'') as r', v_source.source_id
            );

            return query execute format(
                $sql$
                select
                    $1,
                    $2,
                    count(*),
                    count(*) filter (where d.revision is not null and t.generation is null),
                    count(*) filter (where t.generation is not null and t.failed_at is null),
                    count(*) filter (where t.failed_at is not null),
                    count(*) filter (where d.revision is null and t.generation is null),
                    (select count(*) from %3$s),
                    clock_timestamp()
                    - min(t.queued_at) filter (where t.generation is not null and t.failed_at is null)
                from steward_private.scan_%4$s() as r
                left join %1$s as d on %5$s
                left join %2$s as t on %6$s
                $sql$,
                v_space.doc_table, v_space.job_table, v_space.chunk_table, v_source.source_id,
                steward_private.key_match(v_source, 'd', 'r'),
                steward_private.key_match(v_source, 't', 'r')
            )
            using v_source.relation, v_space.model_name;
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
