create or replace function steward_private.known_chunks(
    source steward_private.source, space steward_private.space, key jsonb
)
returns jsonb
language plpgsql
stable parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_known jsonb;
begin
    execute format(
        $sql$
        select
            coalesce(
                jsonb_agg(
                    jsonb_build_object(
                        'chunk_id', c.chunk_id,
                        'ordinal', array_position(d.chunk_ids, c.chunk_id) - 1,
                        'chunk_hash', encode(c.chunk_hash, 'hex')
                    )
                    order by c.chunk_id
                ),
                '[]'
            )
        from %3$s as k
        inner join %2$s as d on %5$s
        inner join %1$s as c on %4$s
        $sql$,
        (known_chunks.space).chunk_table,
        (known_chunks.space).doc_table,
        steward_private.key_record(known_chunks.source, '$1'),
        steward_private.key_match(known_chunks.source, 'c', 'k'),
        steward_private.key_match(known_chunks.source, 'd', 'k')
    )
    into v_known
    using known_chunks.key;

    return v_known;
end
$function$;
