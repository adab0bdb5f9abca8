-- With create extension, pg_dump leaves out the rows of our tables unless they are registered here.
-- Only members of the extension are: installed by psql, nothing is, and this does nothing.
-- Built-in rows come back with the extension itself.
do $do$
declare
    v_row record;
begin
    for v_row in
        select
            c.oid as relation,
            case
                when c.relname = 'model' then 'where provider <> ''builtin'''
                -- what is kept as a value is in no dump of an extension
                when c.relname = 'secret' then 'where value is null'
                else ''
            end as filter
        from pg_extension as e
        inner join pg_depend as d
            on d.refclassid = 'pg_extension'::regclass
            and d.refobjid = e.oid
            and d.deptype = 'e'
        inner join pg_class as c
            on d.classid = 'pg_class'::regclass
            and d.objid = c.oid
        where e.extname = 'steward'
            and c.relnamespace = 'steward_private'::regnamespace
            and c.relkind in ('r', 'S')
        order by c.relname
    loop
        perform pg_extension_config_dump(v_row.relation, v_row.filter);
    end loop;
end
$do$;
