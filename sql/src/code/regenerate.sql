-- What was generated for each source by an earlier version is made anew by this one.
do $do$
declare
    v_source steward_private.source;
    v_space steward_private.space;
begin
    for v_source in
        select s.*
        from steward_private.source as s
        -- the readers of a dropped table have gone with it
        inner join pg_class as c on c.oid = s.relation
        order by s.source_id
    loop
        -- A source whose columns have been renamed or whose key has got another type must not keep
        -- everybody from upgrading: its functions stay as they were, and check() tells why.
        begin
            if exists (
                select from unnest(v_source.key_columns) as k (column_name)
                inner join pg_attribute as a
                    on a.attrelid = v_source.relation and a.attname = k.column_name
                where not steward_private.is_trusted_type(a.atttypid)
            ) then
                raise exception 'key of table % has a type that is not trusted', v_source.relation;
            end if;

            perform steward_private.define_key_accessors(v_source);
            perform steward_private.define_trigger_functions(v_source);
            perform steward_private.define_readers(v_source);
            perform steward_private.define_fold_function(v_source);

            for v_space in
                select s.*
                from steward_private.space as s
                where s.source_id = v_source.source_id and s.state <> 'retired'
                order by s.space_id
            loop
                perform steward_private.define_space_functions(v_source, v_space);
            end loop;
        exception
            when others then
                update steward_private.space as s
                set problem = sqlerrm
                where s.source_id = v_source.source_id;
        end;
    end loop;
end
$do$;
