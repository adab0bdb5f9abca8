create or replace function steward._search_statement(
    source regclass, query_vector text, k integer, model text
)
returns text
language plpgsql
stable parallel unsafe
-- definer: the registry belongs to pg_steward; the statement returned holds names, no data, and
-- runs with the rights of the one who searches
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := steward_private.source_of(_search_statement.source);
    v_space steward_private.space;
    v_model steward_private.model;
    v_condition text;
begin
    if _search_statement.k is null or _search_statement.k not between 1 and 10000 then
        raise exception 'k must be between 1 and 10000'
            using errcode = 'invalid_parameter_value';
    end if;

    if _search_statement.model is null then
        select s.* into strict v_space
        from steward_private.space as s
        where s.source_id = v_source.source_id and s.state = 'active';
    else
        v_space := steward_private.space_of(v_source, _search_statement.model);
    end if;

    if not exists (select from pg_class as c where c.oid = v_space.chunk_table) then
        raise exception 'vectors of table % by model "%" have been dropped',
            v_source.relation, v_space.model_name
            using errcode = 'object_not_in_prerequisite_state',
            detail = 'Since this transaction began.',
            hint = 'Begin another one.';
    end if;

    select m.* into strict v_model
    from steward_private.model as m
    where m.model_name = v_space.model_name;

    perform steward_private.check_vectors(
        array[_search_statement.query_vector], v_model.dimensions, 'query vector'
    );

    -- as the policy on the chunks says it now, whatever has been renamed since
    select pg_get_expr(p.polqual, p.polrelid) into strict v_condition
    from pg_policy as p
    where p.polrelid = v_space.chunk_table and p.polname = 'select_who_sees_the_row';

    return format(
        $sql$
        with nearest as materialized (
            select %5$s, c.chunk_id, c.chunk, c.distance
            from (
                select %8$s.*, %8$s.embedding %3$s %4$s as distance
                from %1$s
                where
                    -- For most callers the policy on the chunks asks for the row; the others' rights
                    -- end no policy, but chunks of rows that are gone are nobody's to see.
                    (select row_security_active(%7$L::regclass))
                    or %9$s
                order by %8$s.embedding %3$s %4$s
                limit %6$s
            ) as c
        )

        select
            %10$s,
            p.place - 1,
            %12$s,
            d.headings[p.place],
            coalesce(d.shown[p.place], c.chunk)
        from nearest as c
        inner join %2$s as d on %11$s and d.retired_at is null
        cross join lateral (select array_position(d.chunk_ids, c.chunk_id) as place) as p
        order by c.distance, c.chunk_id
        $sql$,
        v_space.chunk_table,
        v_space.doc_table,
        steward_private.embedding_distance(v_model),
        steward_private.embedding_of(v_model, '$1'),
        steward_private.key_list(v_source, 'c'),
        _search_statement.k,
        v_space.chunk_table,
        (select quote_ident(t.relname) from pg_class as t where t.oid = v_space.chunk_table),
        v_condition,
        steward_private.key_object(v_source, 'c'),
        steward_private.key_match(v_source, 'd', 'c'),
        steward_private.embedding_similarity(v_model, 'c.distance')
    );
end
$function$;

comment on function steward._search_statement(regclass, text, integer, text) is
'The statement that steward.search() runs with the rights of its caller.';
