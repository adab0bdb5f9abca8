create or replace function steward.cancel_backfill(source regclass)
returns void
language plpgsql
volatile parallel unsafe
-- definer: writes the registry on behalf of an operator that has no other right
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := steward_private.source_of(cancel_backfill.source);
    v_space steward_private.space;
begin
    -- no fold adds to the queue meanwhile
    perform from steward_private.source as s
    where s.source_id = v_source.source_id
    for no key update;

    for v_space in
        select s.*
        from steward_private.space as s
        where s.source_id = v_source.source_id
        order by s.space_id
    loop
        update steward_private.backfill as b
        set state = 'cancelled', finished_at = clock_timestamp()
        where b.space_id = v_space.space_id and b.state = 'running';

        if found then
            execute format(
                'delete from %s as t where t.lane = 0 and t.position is not null',
                v_space.job_table
            );
        end if;
    end loop;
end
$function$;

comment on function steward.cancel_backfill(regclass) is
'Queue no more of the rows that a source had already, and take those that wait out of the queue. '
'Edits go on being embedded. steward.backfill() begins anew. For steward_operator.';
