create or replace function steward_private.all_jobs()
returns table (
    source regclass,
    model text,
    key jsonb,
    state text,
    lane text,
    generation bigint,
    attempts integer,
    queued_at timestamptz,
    available_at timestamptz,
    worker text,
    lease_expires_at timestamptz,
    last_error text,
    error_class text
)
language plpgsql
stable parallel unsafe
-- definer: the job tables belong to pg_steward; the view that calls this decides who may look
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_space steward_private.space;
    v_source steward_private.source;
begin
    for v_space in select r.* from steward_private.readable_spaces() as r loop
        v_source := steward_private.source_of_space(v_space);

        return query execute format(
            $sql$
            with job as materialized (
                select
                    %2$s as key,
                    case
                        when t.failed_at is not null then 'failed'
                        when t.token is not null then 'claimed'
                        else 'pending'
                    end as state,
                    case t.lane when 1 then 'edit' else 'backfill' end as lane,
                    t.generation, t.attempts, t.queued_at,
                    coalesce(t.available_at, case when t.position is not null then t.queued_at end)
                        as available_at,
                    c.worker, c.lease_expires_at, t.last_error, t.error_class
                from %1$s as t
                left join steward_private.claim as c on c.token = t.token
            )

            select $1, $2, j.* from job as j
            union all
            -- what no claim has looked at yet
            select
                $1, $2, m.key, 'pending', 'edit', 1, 0, m.marked_at, m.marked_at,
                null, null, null, null
            from steward_private.marks_%3$s() as m
            where m.key not in (select j.key from job as j)
            $sql$,
            v_space.job_table, steward_private.key_object(v_source, 't'), v_source.source_id
        )
        using v_source.relation, v_space.model_name;
    end loop;
end
$function$;
