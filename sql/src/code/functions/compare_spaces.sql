create or replace function steward.compare_spaces(source regclass)
returns table (
    model text,
    state text,
    dimensions integer,
    documents bigint,
    fresh bigint,
    accepted bigint,
    pending bigint,
    failed bigint,
    missing bigint,
    coverage numeric,
    oldest_pending interval,
    chunks bigint,
    bytes bigint,
    cost numeric,
    is_indexed boolean
)
language plpgsql
stable parallel unsafe
-- definer: looks at tables that the caller may not read; only numbers leave
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := steward_private.source_of(compare_spaces.source);
begin
    return query
    select
        sp.model_name,
        sp.state,
        m.dimensions,
        f.documents,
        f.fresh,
        f.accepted,
        f.pending,
        f.failed,
        f.missing,
        f.coverage,
        f.oldest_pending,
        f.chunks,
        pg_total_relation_size(sp.chunk_table) + pg_total_relation_size(sp.doc_table),
        coalesce(
            (select sum(u.cost) from steward_private.usage as u where u.space_id = sp.space_id), 0
        ),
        exists (
            select from pg_index as i
            inner join pg_class as c on c.oid = i.indexrelid
            inner join pg_am as a on a.oid = c.relam
            where
                i.indrelid = sp.chunk_table and i.indisvalid
                and a.amname in ('hnsw', 'ivfflat', 'diskann')
        )
    from steward_private.space as sp
    inner join steward_private.model as m on m.model_name = sp.model_name
    left join steward_private.all_freshness(v_source.relation) as f on f.model = sp.model_name
    where sp.source_id = v_source.source_id and sp.state <> 'retired'
    order by sp.state = 'active' desc, sp.space_id;
end
$function$;

comment on function steward.compare_spaces(regclass) is
'The spaces of a tracked table side by side, the one that search answers from first: how many '
'of its rows each has embedded as they are (coverage), what is pending or has failed, how large '
'it is, what it has cost, and whether it has a vector index. For steward_operator.';
