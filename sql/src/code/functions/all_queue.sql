-- How many jobs there are of each kind; with what no claim has looked at yet.
create or replace function steward_private.all_queue()
returns table (
    source regclass, model text, lane text, state text, jobs bigint, oldest_since timestamptz
)
language plpgsql
stable parallel unsafe
-- definer: the job tables belong to pg_steward; the view that calls this decides who may look
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $function$
declare
    v_space steward_private.space;
    v_source steward_private.source;
begin
    for v_space in select r.* from steward_private.readable_spaces() as r loop
        v_source := steward_private.source_of_space(v_space);

        return query execute format(
            $sql$
            select $1, $2, j.lane, j.state, count(*), min(j.since)
            from (
                select
                    case t.lane when 1 then 'edit' else 'backfill' end as lane,
                    case
                        when t.failed_at is not null then 'failed'
                        when t.token is not null then 'claimed'
                        else 'pending'
                    end as state,
                    t.queued_at as since
                from %1$s as t

                union all

                select 'edit', 'pending', m.since
                from (
                    select %2$s, min(t.marked_at) as since
                    from (select * from %3$s union all select * from %4$s) as t
                    group by %2$s
                ) as m
                where not exists (select from %1$s as j where %5$s)
            ) as j
            group by j.lane, j.state
            $sql$,
            v_space.job_table,
            steward_private.key_list(v_source, 't'),
            v_source.mark_tables[1],
            v_source.mark_tables[2],
            steward_private.key_match(v_source, 'j', 'm')
        )
        using v_source.relation, v_space.model_name;
    end loop;
end
$function$;
