-- A source that cannot be worked on (dropped, no longer its owner's to read ...) is no reason to
-- stop working on the others. It is tried again in a minute; check() tells why.
create or replace function steward_private.set_aside(space_id integer, problem text)
returns void
language sql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
begin atomic
    update steward_private.space as s
    set
        problem = set_aside.problem,
        paused_until = clock_timestamp() + interval '1 minute'
    where s.space_id = set_aside.space_id;
end;
