-- The three functions through which pg_steward reads a source. They run as the owner of the source,
-- never as the owner of pg_steward, so that nothing a table's owner defines runs with more rights
-- than they have themselves. And never a policy of theirs: it could leave something to be done at
-- the end of the transaction, when the rights are those of whoever commits.
create or replace function steward_private.define_readers(source steward_private.source)
returns void
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := define_readers.source;
    v_relation text := v_source.relation;
    v_owner name := (
        select pg_get_userbyid(c.relowner) from pg_class as c where c.oid = v_source.relation
    );
    v_key_columns text := (
        select string_agg(format('s.%I', k.column_name), ', ' order by k.n)
        from unnest(v_source.key_columns) with ordinality as k (column_name, n)
    );
    v_key_record text := (
        select
            string_agg(
                format('%I %s%s', k.column_name, k.type_name, k.collation_clause),
                ', ' order by k.n
            )
        from unnest(
            v_source.key_columns, v_source.key_types, v_source.key_collations
        ) with ordinality as k (column_name, type_name, collation_clause, n)
    );
    v_key_result text := (
        select string_agg(format('key_%s %s', k.n, k.type_name), ', ' order by k.n)
        from unnest(v_source.key_types) with ordinality as k (type_name, n)
    );
    v_key_match text := (
        select
            string_agg(
                format('s.%1$I %2$s k.%1$I', k.column_name, k.operator), ' and ' order by k.n
            )
        from unnest(
        v_source.key_columns, v_source.key_operators
    ) with ordinality as k (column_name, operator, n)
    );
    v_read regprocedure;
    v_lock regprocedure;
    v_scan regprocedure;
    v_function regprocedure;
begin
    execute format(
        $sql$
        create or replace function steward_private.read_%1$s(keys jsonb)
        returns table ("position" bigint, found boolean, content text)
        language sql
        stable parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set row_security = off
        begin atomic
            select k.ordinality, s.tableoid is not null, s.%2$I::text
            from rows from (jsonb_to_recordset($1) as (%3$s)) with ordinality as k
            left join %4$s as s on %5$s;
        end
        $sql$,
        v_source.source_id, v_source.content_column, v_key_record, v_relation, v_key_match
    );
    v_read := format('steward_private.read_%s(jsonb)', v_source.source_id)::regprocedure;

    -- Never waits: whoever asks may already hold locks that a user's DELETE is waiting for.
    execute format(
        $sql$
        create or replace function steward_private.lock_%1$s(key jsonb)
        returns boolean
        language sql
        volatile parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set row_security = off
        begin atomic
            select true
            from %4$s as s, jsonb_to_record($1) as k (%3$s)
            where %5$s
            for key share of s skip locked;
        end
        $sql$,
        v_source.source_id, v_source.content_column, v_key_record, v_relation, v_key_match
    );
    v_lock := format('steward_private.lock_%s(jsonb)', v_source.source_id)::regprocedure;

    execute format(
        $sql$
        create or replace function steward_private.scan_%1$s()
        returns table (%2$s)
        language sql
        stable parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set row_security = off
        begin atomic
            select %3$s from %4$s as s;
        end
        $sql$,
        v_source.source_id,
        -- in the order of the key, under the names of the generated tables
        v_key_result,
        v_key_columns,
        v_relation
    );
    v_scan := format('steward_private.scan_%s()', v_source.source_id)::regprocedure;

    foreach v_function in array array[v_read, v_lock, v_scan] loop
        execute format('revoke all on function %s from public', v_function);

        if v_owner <> current_user then
            execute format('grant execute on function %s to %I', v_function, current_user);
            -- the new owner of a function must be able to create in its schema, if only for now
            execute format('grant create on schema steward_private to %I', v_owner);
            execute format('alter function %s owner to %I', v_function, v_owner);
            execute format('revoke create on schema steward_private from %I', v_owner);
        end if;
    end loop;
end
$function$;
