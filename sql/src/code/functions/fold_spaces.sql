-- Brings the queues of some spaces up to date. Returns those that can be worked on.
create or replace function steward_private.fold_spaces(spaces integer[])
returns integer[]
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_spaces integer[] := array[]::integer[];
    v_folded integer[] := array[]::integer[];
    v_space steward_private.space;
    v_source steward_private.source;
    v_spent numeric;
begin
    -- no worker waits for another one's source
    for v_space in
        select s.*
        from unnest(fold_spaces.spaces) with ordinality as o (space_id, n)
        inner join steward_private.space as s on s.space_id = o.space_id
        order by o.n
    loop
        begin
            v_source := steward_private.source_of_space(v_space);

            continue when not steward_private.touch_source(v_source.source_id);

            if v_source.source_id <> all(v_folded) then
                execute format('select steward_private.fold_%s()', v_source.source_id);
                v_folded := v_folded || v_source.source_id;

                perform steward_private.empty_mark_table(v_source.mark_tables[1], 0);
                perform steward_private.empty_mark_table(v_source.mark_tables[2], 1);
            end if;

            if v_source.daily_budget is not null then
                select sum(u.cost) into v_spent
                from steward_private.usage as u
                inner join steward_private.space as s on s.space_id = u.space_id
                where s.source_id = v_source.source_id and u.used_at >= date_trunc('day', now());

                if v_spent >= v_source.daily_budget then
                    update steward_private.space as s
                    set
                        problem = format('the budget of %s for today is spent', v_source.daily_budget),
                        paused_until = date_trunc('day', now()) + interval '1 day'
                    where s.source_id = v_source.source_id;

                    continue;
                end if;
            end if;

            v_spaces := v_spaces || v_space.space_id;
        exception
            when lock_not_available then
                -- next time
                null;
            when transaction_rollback or insufficient_resources then
                raise;
            when others then
                perform steward_private.set_aside(v_space.space_id, sqlerrm);
        end;
    end loop;

    return v_spaces;
end
$function$;
