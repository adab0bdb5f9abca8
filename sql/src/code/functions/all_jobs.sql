create or replace function steward_private.all_jobs()
returns table (
    source regclass,
    model text,
    key jsonb,
    state text,
    generation bigint,
    attempts integer,
    queued_at timestamptz,
    available_at timestamptz,
    worker text,
    lease_expires_at timestamptz,
    last_error text
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
    for v_space in
        select s.* from steward_private.space as s order by s.space_id
    loop
        select s.* into strict v_source
        from steward_private.source as s
        where s.source_id = v_space.source_id;

        return query execute format(
            $sql$
            select
                $1, $2, %2$s,
                case
                    when t.failed_at is not null then 'failed'
                    when t.token is not null then 'claimed'
                    else 'pending'
                end,
                t.generation, t.attempts, t.queued_at, t.available_at,
                c.worker, c.lease_expires_at, t.last_error
            from %1$s as t
            left join steward_private.claim as c on c.token = t.token
            $sql$,
            v_space.job_table, steward_private.key_object(v_source, 't')
        )
        using v_source.relation, v_space.model_name;
    end loop;
end
$function$;
