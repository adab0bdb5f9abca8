create or replace function steward_private.all_failures()
returns table (
    source regclass,
    model text,
    key jsonb,
    state text,
    attempts integer,
    error_class text,
    last_error text,
    last_failed_at timestamptz,
    next_try_at timestamptz
)
language plpgsql
stable parallel unsafe
-- definer: the job tables belong to pg_steward; the view that calls this decides who may look
security definer
set search_path = pg_catalog, pg_temp
set extra_float_digits = 3
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
            select
                $1,
                $2,
                %2$s,
                case
                    when t.failed_at is not null then 'failed'
                    when t.token is not null then 'being tried again'
                    when $3 = 'infinity' then 'to be tried after steward.resume()'
                    else 'to be tried again'
                end,
                t.attempts,
                t.error_class,
                t.last_error,
                t.last_failed_at,
                case
                    when t.failed_at is null and t.token is null and $3 is distinct from 'infinity'
                        then greatest(t.available_at, $3, case when t.position is not null then now() end)
                end
            from %1$s as t
            where t.failed_at is not null or t.last_failed_at is not null
            order by t.last_failed_at desc
            $sql$,
            v_space.job_table, steward_private.key_object(v_source, 't')
        )
        using v_source.relation, v_space.model_name, v_space.paused_until;
    end loop;
end
$function$;
