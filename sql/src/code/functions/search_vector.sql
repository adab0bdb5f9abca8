create or replace function steward.search_vector(
    source regclass, query_vector text, k integer default 10, model text default null
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
    v_statement text;
    v_scan record;
begin
    -- also the error for a table that is not tracked
    perform steward._active_model(search_vector.source);

    -- Locks the source before its chunks are touched, as everybody does: TRUNCATE begins there, too.
    execute format('select from %s limit 0', search_vector.source);

    v_statement := steward._search_statement(
        search_vector.source, search_vector.query_vector, search_vector.k, search_vector.model
    );

    -- What a policy takes away of an index's first finds is made up for by more, unless the caller has
    -- said how. Not in a SET clause: only a superuser may restore a function with a parameter of a
    -- library that is not loaded.
    select
        current_setting('hnsw.iterative_scan') as hnsw,
        current_setting('ivfflat.iterative_scan') as ivfflat
    into v_scan;

    if v_scan.hnsw = 'off' then
        perform set_config('hnsw.iterative_scan', 'relaxed_order', true);
    end if;

    if v_scan.ivfflat = 'off' then
        perform set_config('ivfflat.iterative_scan', 'relaxed_order', true);
    end if;

    return query execute v_statement using search_vector.query_vector;

    perform set_config('hnsw.iterative_scan', v_scan.hnsw, true);
    perform set_config('ivfflat.iterative_scan', v_scan.ivfflat, true);
end
$function$;

comment on function steward.search_vector(regclass, text, integer, text) is
'The k chunks of a tracked table that are nearest to a vector, nearest first. query_vector: in '
'pgvector''s text form. model: the one that made it, whose space of the table is searched; '
'without, the one that steward.promote() has chosen. Finds only what belongs to rows that the '
'caller may see. similarity is the cosine; with metric l2 1 / (1 + distance), with inner_product '
'that product, of vectors stored as bits the share of signs that agree. For steward_reader with '
'SELECT on the source.';
