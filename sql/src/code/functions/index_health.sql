-- A part of health(): whether search would be faster with an index on the vectors.
create or replace function steward_private.index_health(settings jsonb)
returns table (
    check_name text, source regclass, model text, status text, figure text, threshold text,
    what_to_do text
)
language plpgsql
stable parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_set jsonb := index_health.settings;
    v_schema text;
begin
    if not exists (select from steward_private.space as s where s.state <> 'retired') then
        return;
    end if;

    v_schema := left(steward_private.vector_type(), -length('.vector'));

    return query
    select
        'vector index',
        f.source,
        f.model,
        case
            when f.has_index or f.chunks is null then 'ok'
            -- pgvector has no index for so many
            when f.dimensions > f.most then 'ok'
            when f.chunks >= (v_set ->> 'unindexed_critical')::bigint then 'critical'
            when f.chunks >= (v_set ->> 'unindexed_warn')::bigint then 'warn'
            else 'ok'
        end,
        format('%s chunks, %s', f.chunks, case when f.has_index then 'an index' else 'no index' end),
        format(
            '%s without an index: warn, %s: critical', v_set ->> 'unindexed_warn',
            v_set ->> 'unindexed_critical'
        ),
        case
            when not f.has_index and f.chunks >= (v_set ->> 'unindexed_warn')::bigint
                then case
                    when f.dimensions > f.most
                        then format(
                            'pgvector has no index for more than %s dimensions of type %s.',
                            f.most, f.storage
                        )
                    else format(
                        'Run: create index concurrently on %s using hnsw (embedding %s); below '
                        'pgvector 0.8.2 after: set max_parallel_maintenance_workers = 0;',
                        f.chunk_table,
                        format(
                            '%s.%s_%s_ops', v_schema, f.storage,
                            case
                                when f.storage = 'bit' then 'hamming'
                                when f.metric = 'inner_product' then 'ip'
                                else f.metric
                            end
                        )
                    )
                end
        end
    from (
        select
            r.source,
            r.model,
            r.chunks,
            sp.chunk_table,
            m.dimensions,
            m.storage,
            m.metric,
            case m.storage when 'vector' then 2000 when 'halfvec' then 4000 else 64000 end as most,
            exists (
                select from pg_index as i
                inner join pg_class as c on c.oid = i.indexrelid
                inner join pg_am as a on a.oid = c.relam
                inner join pg_attribute as v
                    on v.attrelid = i.indrelid and v.attname = 'embedding' and v.attnum = i.indkey[0]
                where
                    i.indrelid = sp.chunk_table and i.indisvalid and a.amname in ('hnsw', 'ivfflat')
            ) as has_index
        from steward_private.all_freshness() as r
        inner join steward_private.source as s on s.relation = r.source
        inner join steward_private.space as sp
            on sp.source_id = s.source_id and sp.model_name = r.model and sp.state <> 'retired'
        inner join steward_private.model as m on m.model_name = r.model
    ) as f
    order by f.source, f.model;
end
$function$;
