-- The index whose columns are the key of a source: the primary key, or the unique index that was
-- named. One that could not tell which row a chunk comes from is refused.
create or replace function steward_private.key_index(source regclass, key text)
returns oid
language plpgsql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_index pg_index;
    v_column name;
begin
    if key_index.key is null then
        select i.* into v_index
        from pg_index as i
        where i.indrelid = key_index.source and i.indisprimary;

        if not found then
            raise exception 'table % has no primary key', key_index.source
                using errcode = 'invalid_table_definition',
                detail = 'A chunk must know which row it comes from.',
                hint = format(
                    'Name a unique index of columns that are not null: key => ''...'', or run: '
                    'alter table %s add primary key (...);', key_index.source
                );
        end if;

        if not v_index.indimmediate then
            raise exception 'primary key of table % is deferrable', key_index.source
                using errcode = 'feature_not_supported',
                detail = 'Rows could exchange their keys within one statement.';
        end if;

        return v_index.indexrelid;
    end if;

    select i.* into v_index
    from pg_index as i
    inner join pg_class as c on c.oid = i.indexrelid
    where i.indrelid = key_index.source and c.relname = key_index.key;

    if not found then
        raise exception 'table % has no index "%"', key_index.source, key_index.key
            using errcode = 'undefined_object',
            hint = 'key names a unique index of the table, without its schema.';
    end if;

    if not v_index.indisunique or not v_index.indimmediate or not v_index.indisvalid
        or v_index.indpred is not null or v_index.indexprs is not null
    then
        raise exception 'index "%" cannot be the key of table %', key_index.key, key_index.source
            using errcode = 'feature_not_supported',
            detail = 'It must be unique, valid and not deferrable, of columns only, and of all rows.';
    end if;

    select a.attname into v_column
    from unnest(v_index.indkey::int2[]) with ordinality as k (attnum, n)
    inner join pg_attribute as a on a.attrelid = v_index.indrelid and a.attnum = k.attnum
    where k.n <= v_index.indnkeyatts and not a.attnotnull
    limit 1;

    if found then
        raise exception 'column "%" of index "%" can be null', v_column, key_index.key
            using errcode = 'feature_not_supported',
            detail = 'Rows whose key is null could not be told apart.',
            hint = format(
                'Run: alter table %s alter column %I set not null;', key_index.source, v_column
            );
    end if;

    return v_index.indexrelid;
end
$function$;
