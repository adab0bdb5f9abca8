create or replace function steward.search(
    source regclass, query text, k integer default 10, model text default null
)
returns table (
    key jsonb,
    ordinal integer,
    similarity double precision,
    heading text,
    chunk text
)
language plpgsql
stable parallel unsafe
-- invoker: the caller's own rights on the source decide what is found
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_model text := coalesce(search.model, steward._active_model(search.source));
    v_vectors text[];
begin
    if search.query is null or search.query ~ '^[[:space:]]*$' then
        raise exception 'query must not be empty'
            using errcode = 'invalid_parameter_value';
    end if;

    if not starts_with(v_model, 'builtin/') then
        raise exception 'model "%" is not built in', v_model
            using errcode = 'feature_not_supported',
            hint = 'Let it embed the query, and call steward.search_vector().';
    end if;

    v_vectors := steward.embed(array[search.query], v_model);

    return query
    select s.key, s.ordinal, s.similarity, s.heading, s.chunk
    from steward.search_vector(search.source, v_vectors[1], search.k, v_model) as s;
end
$function$;

comment on function steward.search(regclass, text, integer, text) is
'The k chunks of a tracked table that are nearest to a text, nearest first. key names the row, '
'ordinal the place of the chunk in it, counted from 0. Finds only what belongs to rows that the '
'caller may see. model: the one whose space is searched; without, the one that steward.promote() '
'has chosen. It must be built in; with another one, let it embed the query and use '
'steward.search_vector(). For steward_reader with SELECT on the source.';
