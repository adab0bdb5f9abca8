-- What was generated for each source by an earlier version is made anew by this one.
do $do$
declare
    v_source steward_private.source;
begin
    for v_source in
        select s.*
        from steward_private.source as s
        -- the readers of a dropped table have gone with it
        inner join pg_class as c on c.oid = s.relation
        order by s.source_id
    loop
        perform steward_private.define_key_accessors(v_source);
        perform steward_private.define_trigger_function(v_source);
        perform steward_private.define_readers(v_source);
    end loop;
end
$do$;
