-- The four functions through which pg_steward reads a source. They run as the owner of the source,
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
    v_key_object text := (
        select
            format(
                'jsonb_build_object(%s)',
                string_agg(format('%1$L, s.%1$I', k.column_name), ', ' order by k.n)
            )
        from unnest(v_source.key_columns) with ordinality as k (column_name, n)
    );
    -- behind a key: the first column greater, or equal and the second greater ...
    v_last_key text := format('rows from (jsonb_to_record($1) as (%s))', v_key_record);
    v_key_after text;
    v_key_order text;
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
    v_there regprocedure;
    v_lock regprocedure;
    v_scan regprocedure;
    v_function regprocedure;
begin
    select
        string_agg(format('s.%I using %s', k.column_name, k.less), ', ' order by k.n),
        case
            -- what a multicolumn index can be searched by
            when bool_and(k.greater = 'operator(pg_catalog.>)')
                then format(
                    '(%s) > (%s)',
                    string_agg(format('s.%I', k.column_name), ', ' order by k.n),
                    string_agg(
                        format('(select a.%I from %s as a)', k.column_name, v_last_key), ', '
                        order by k.n
                    )
                )
            else
                string_agg(
                    format(
                        '(s.%1$I %2$s (select a.%1$I from %3$s as a)',
                        k.column_name, k.greater, v_last_key
                    )
                    || case
                        when k.n < cardinality(v_source.key_columns)
                            then format(
                                ' or s.%1$I %2$s (select a.%1$I from %3$s as a) and ',
                                k.column_name, k.equal, v_last_key
                            )
                        else ''
                    end,
                    '' order by k.n
                ) || repeat(')', cardinality(v_source.key_columns))
        end
    into v_key_order, v_key_after
    from unnest(
        v_source.key_columns, v_source.key_operators, v_source.key_less, v_source.key_greater
    ) with ordinality as k (column_name, equal, less, greater, n);

    execute format(
        $sql$
        create or replace function steward_private.read_%1$s(keys jsonb)
        returns table ("position" bigint, found boolean, content text)
        language sql
        stable parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set row_security = off
        set enable_seqscan = off
        set enable_hashjoin = off
        set enable_mergejoin = off
        begin atomic
            select k.ordinality, s.tableoid is not null, %2$s
            from rows from (jsonb_to_recordset($1) as (%3$s)) with ordinality as k
            left join %4$s as s on %5$s and (%6$s);
        end
        $sql$,
        v_source.source_id, v_source.content_plain, v_key_record, v_relation, v_key_match,
        coalesce(v_source.condition_plain, 'true')
    );
    v_read := format('steward_private.read_%s(jsonb)', v_source.source_id)::regprocedure;

    -- Whether there is such a row and it counts, for what must not fail because its content does.
    execute format(
        $sql$
        create or replace function steward_private.there_%1$s(keys jsonb)
        returns table ("position" bigint, found boolean)
        language sql
        stable parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set row_security = off
        set enable_seqscan = off
        set enable_hashjoin = off
        set enable_mergejoin = off
        begin atomic
            select k.ordinality, s.tableoid is not null
            from rows from (jsonb_to_recordset($1) as (%2$s)) with ordinality as k
            left join %3$s as s on %4$s and (%5$s);
        end
        $sql$,
        v_source.source_id, v_key_record, v_relation, v_key_match,
        coalesce(v_source.condition_plain, 'true')
    );
    v_there := format('steward_private.there_%s(jsonb)', v_source.source_id)::regprocedure;

    -- Never waits: whoever asks may already hold locks that a user's DELETE is waiting for. Returns
    -- the rows that could be locked, and whether they count. Where writers store vectors themselves, or
    -- make rows count no more, they must be kept out altogether: their triggers have run already.
    execute format(
        $sql$
        create or replace function steward_private.lock_%1$s(keys jsonb)
        returns table ("position" bigint, counts boolean)
        language sql
        volatile parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set row_security = off
        set enable_seqscan = off
        set enable_hashjoin = off
        set enable_mergejoin = off
        begin atomic
            select k.ordinality, (%5$s) is true
            from rows from (jsonb_to_recordset($1) as (%2$s)) with ordinality as k
            inner join %3$s as s on %4$s
            for %6$s of s skip locked;
        end
        $sql$,
        v_source.source_id, v_key_record, v_relation, v_key_match,
        coalesce(v_source.condition_plain, 'true'),
        case
            when v_source.mode = 'transactional' or v_source.condition_plain is not null
                then 'no key update'
            else 'key share'
        end
    );
    v_lock := format('steward_private.lock_%s(jsonb)', v_source.source_id)::regprocedure;

    -- The keys of the rows that count, in order, behind a given one.
    execute format(
        $sql$
        create or replace function steward_private.scan_%1$s(last_key jsonb, "limit" integer)
        returns table (key jsonb)
        language sql
        stable parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set row_security = off
        -- a float's text has as many digits as the session wants
        set extra_float_digits = 3
        begin atomic
            (
                select %2$s
                from %3$s as s
                where $1 is null and (%5$s)
                order by %6$s
                limit $2
            )
            union all
            (
                select %2$s
                from %3$s as s
                where $1 is not null and %4$s and (%5$s)
                order by %6$s
                limit $2
            );
        end
        $sql$,
        v_source.source_id, v_key_object, v_relation, v_key_after,
        coalesce(v_source.condition_plain, 'true'), v_key_order
    );
    v_scan := format('steward_private.scan_%s(jsonb, integer)', v_source.source_id)::regprocedure;

    foreach v_function in array array[v_read, v_there, v_lock, v_scan] loop
        execute format('revoke all on function %s from public', v_function);

        if v_owner <> current_user then
            execute format('grant execute on function %s to %I', v_function, current_user);
            -- the new owner of a function must be able to create in its schema, if only for now
            execute format('grant create on schema steward_private to %I', v_owner);
            execute format('alter function %s owner to %I', v_function, v_owner);
            execute format('revoke create on schema steward_private from %I', v_owner);
        else
            -- one that is replaced stays whose it was
            execute format('alter function %s owner to %I', v_function, v_owner);
        end if;
    end loop;
end
$function$;
