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
    v_vector text;
begin
    if search.query is null or search.query ~ '^[[:space:]]*$' then
        raise exception 'query must not be empty'
            using errcode = 'invalid_parameter_value';
    end if;

    -- Nobody is asked on behalf of one who may not search.
    execute format('select from %s limit 0', search.source);

    v_vector := steward._embed_query(v_model, search.query);

    return query
    select s.key, s.ordinal, s.similarity, s.heading, s.chunk
    from steward.search_vector(search.source, v_vector, search.k, v_model) as s;
end
$function$;

comment on function steward.search(regclass, text, integer, text) is
'The k chunks of a tracked table that are nearest to a text, nearest first. key names the row, '
'ordinal the place of the chunk in it, counted from 0. Finds only what belongs to rows that the '
'caller may see. model: the one whose space is searched; without, the one that steward.promote() '
'has chosen. Its provider is asked for the vector of the query, while this transaction waits; the '
'session remembers the last ones. With a model that the database cannot call, let it embed the '
'query and use steward.search_vector(). For steward_reader with SELECT on the source.';
