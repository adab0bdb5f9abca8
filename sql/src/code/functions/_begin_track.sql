create or replace function steward._begin_track(
    source regclass, content name, model text, chunk_size integer
)
returns regprocedure
language plpgsql
volatile parallel unsafe
-- definer: the registry belongs to pg_steward; rights on the table itself are proved by the caller,
-- who creates the triggers before _finish_track looks at a single row
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_class pg_class;
    v_type regtype;
    v_category "char";
    v_column name;
    v_source steward_private.source;
    v_primary_key oid;
begin
    select c.* into v_class from pg_class as c where c.oid = _begin_track.source;

    if v_class.relkind not in ('r', 'p') then
        raise exception '% is not a table', _begin_track.source
            using errcode = 'wrong_object_type',
            hint = 'Only ordinary and partitioned tables can be tracked.';
    end if;

    if v_class.relpersistence <> 'p' then
        raise exception 'table % is temporary or unlogged', _begin_track.source
            using errcode = 'wrong_object_type',
            detail = 'After a crash its rows would be gone and their vectors not.';
    end if;

    if v_class.relispartition then
        raise exception 'table % is a partition', _begin_track.source
            using errcode = 'wrong_object_type',
            hint = 'Track the partitioned table that it belongs to.';
    end if;

    if v_class.relkind = 'r' and exists (
        select from pg_inherits as i where _begin_track.source in (i.inhrelid, i.inhparent)
    ) then
        raise exception 'table % takes part in inheritance', _begin_track.source
            using errcode = 'feature_not_supported',
            detail = 'A primary key does not hold across a table and its children.',
            hint = 'Use a partitioned table.';
    end if;

    if v_class.relforcerowsecurity then
        raise exception 'table % forces row security on its owner', _begin_track.source
            using errcode = 'feature_not_supported',
            detail = 'Rows are read as the owner, so those that a policy hides would count as gone.',
            hint = format(
                'Run: alter table %s no force row level security;', _begin_track.source
            );
    end if;

    if v_class.relnamespace in (
        'pg_catalog'::regnamespace, 'information_schema'::regnamespace,
        'steward'::regnamespace, 'steward_private'::regnamespace, 'steward_data'::regnamespace
    ) then
        raise exception 'table % cannot be tracked', _begin_track.source
            using errcode = 'wrong_object_type',
            detail = 'It belongs to PostgreSQL or to pg_steward itself.';
    end if;

    if exists (select from steward_private.source as s where s.relation = _begin_track.source) then
        raise exception 'table % is already tracked', _begin_track.source
            using errcode = 'duplicate_object',
            hint = 'See what is tracked with: select * from steward.sources;';
    end if;

    if not exists (
        select from steward_private.model as m where m.model_name = _begin_track.model
    ) then
        raise exception 'model "%" does not exist', _begin_track.model
            using errcode = 'undefined_object',
            hint = 'See the models with: select * from steward.models; add one with steward.add_model().';
    end if;

    if _begin_track.chunk_size not between 200 and 8000 then
        raise exception 'chunk_size % is out of range', _begin_track.chunk_size
            using errcode = 'invalid_parameter_value',
            detail = 'A chunk has between 200 and 8000 characters.';
    end if;

    select a.atttypid, t.typcategory into v_type, v_category
    from pg_attribute as a
    inner join pg_type as t on t.oid = a.atttypid
    where
        a.attrelid = _begin_track.source and a.attname = _begin_track.content
        and a.attnum > 0 and not a.attisdropped;

    if not found then
        raise exception 'column "%" of table % does not exist',
            _begin_track.content, _begin_track.source
            using errcode = 'undefined_column',
            hint = 'content names the column whose text is embedded.';
    end if;

    if v_category <> 'S' and v_type not in ('json'::regtype, 'jsonb'::regtype, 'xml'::regtype) then
        raise exception 'column "%" of table % has no text', _begin_track.content, _begin_track.source
            using errcode = 'datatype_mismatch',
            detail = format('It is of type %s.', v_type),
            hint = 'content names a column of a text type, of json, jsonb or xml.';
    end if;

    select i.indexrelid into v_primary_key
    from pg_index as i
    where i.indrelid = _begin_track.source and i.indisprimary;

    if not found then
        raise exception 'table % has no primary key', _begin_track.source
            using errcode = 'invalid_table_definition',
            detail = 'A chunk must know which row it comes from.',
            hint = format('Run: alter table %s add primary key (...);', _begin_track.source);
    end if;

    if exists (
        select from pg_index as i where i.indexrelid = v_primary_key and not i.indimmediate
    ) then
        raise exception 'primary key of table % is deferrable', _begin_track.source
            using errcode = 'feature_not_supported',
            detail = 'Rows could exchange their keys within one statement.';
    end if;

    select a.attname, a.atttypid::regtype into v_column, v_type
    from pg_index as i
    cross join unnest(i.indkey::int2[]) as k (attnum)
    inner join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
    where
        i.indexrelid = v_primary_key
        and not steward_private.is_trusted_type(a.atttypid)
    limit 1;

    if found then
        raise exception 'key column "%" of table % is of type %',
            v_column, _begin_track.source, v_type
            using errcode = 'feature_not_supported',
            detail = 'The functions of a key''s type run with the rights of pg_steward. So it must '
                'be a type of PostgreSQL''s, or belong to a superuser.';
    end if;

    if exists (
        select from pg_index as i
        cross join unnest(i.indkey::int2[]) as k (attnum)
        inner join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
        where i.indexrelid = v_primary_key and a.atttypid = 'jsonb'::regtype
    ) then
        raise exception 'table % has jsonb in its primary key', _begin_track.source
            using errcode = 'feature_not_supported',
            detail = 'A JSON null in a key could not be told from no key.';
    end if;

    insert into steward_private.source (
        relation, label, key_columns, key_types, key_collations, key_operators,
        content_column, chunk_size, tracked_by
    )
    select
        _begin_track.source,
        v_class.relname,
        array_agg(a.attname order by k.n),
        array_agg(format_type(a.atttypid, a.atttypmod) order by k.n),
        array_agg(
            case
                when a.attcollation in (0, t.typcollation) then ''
                else (
                    select format(' collate %I.%I', n.nspname, c.collname)
                    from pg_collation as c
                    inner join pg_namespace as n on n.oid = c.collnamespace
                    where c.oid = a.attcollation
                )
            end
            order by k.n
        ),
        array_agg(
            (
                -- the equality operator of the key's own index
                select format('operator(%I.%s)', n.nspname, o.oprname)
                from pg_opclass as oc
                inner join pg_amop as ao
                    on
                        ao.amopfamily = oc.opcfamily
                        and ao.amoplefttype = oc.opcintype
                        and ao.amoprighttype = oc.opcintype
                        and ao.amopstrategy = 3
                inner join pg_operator as o on o.oid = ao.amopopr
                inner join pg_namespace as n on n.oid = o.oprnamespace
                where oc.oid = k.class_oid
            )
            order by k.n
        ),
        _begin_track.content,
        _begin_track.chunk_size,
        session_user
    from pg_index as i
    cross join
        unnest(i.indkey::int2[], i.indclass::oid[]) with ordinality as k (attnum, class_oid, n)
    inner join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
    inner join pg_type as t on t.oid = a.atttypid
    where i.indexrelid = v_primary_key and k.n <= i.indnkeyatts
    returning * into v_source;

    perform steward_private.define_key_accessors(v_source);
    perform steward_private.create_space(v_source, _begin_track.model, 'active');

    return steward_private.define_trigger_function(v_source);
end
$function$;

comment on function steward._begin_track(regclass, name, text, integer) is
'First half of steward.track(): registers the source and makes its tables. Returns the function '
'for the triggers.';
