-- The spaces that are in use, each with its source, for who reads their tables. A source is locked
-- before anything of ours that belongs to it is read, as everybody does: a TRUNCATE has the table
-- first, and then ours. Waits for it. What cannot be read any more locks nothing.
create or replace function steward_private.readable_spaces()
returns table (space steward_private.space, source steward_private.source)
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    for space in
        select s.*
        from steward_private.space as s
        where s.state <> 'retired'
        order by s.space_id
    loop
        source := steward_private.source_of_space(space);

        begin
            execute format('select from steward_private.there_%s(''[]'') as r', source.source_id);
        exception
            when undefined_function or undefined_table or undefined_column or insufficient_privilege
            then
                null;
        end;

        return next;
    end loop;
end
$function$;
