-- The spaces that are in use, for who reads their tables. The source of each is locked before
-- anything of ours that belongs to it is read, as everybody does: a TRUNCATE has the table first,
-- and then ours. Waits for it. What cannot be read any more locks nothing.
create or replace function steward_private.readable_spaces()
returns setof steward_private.space
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_space steward_private.space;
begin
    for v_space in
        select s.*
        from steward_private.space as s
        where s.state <> 'retired'
        order by s.space_id
    loop
        begin
            execute format(
                'select from steward_private.there_%s(''[]'') as r', v_space.source_id
            );
        exception
            when undefined_function or undefined_table or undefined_column or insufficient_privilege
            then
                null;
        end;

        return next v_space;
    end loop;
end
$function$;
