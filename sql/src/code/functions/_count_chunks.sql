create or replace function steward._count_chunks(contents text[], chunking jsonb)
returns table (chunks bigint, characters bigint, content_characters numeric)
language plpgsql
stable parallel unsafe
-- definer: what cuts texts is a function of pg_steward's own
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_plans text[];
    v_chunking jsonb := steward_private.check_chunking(_count_chunks.chunking);
begin
    if _count_chunks.contents <> '{}' then
        v_plans := steward_private.plan_documents(
            _count_chunks.contents,
            array_fill(null::text, array[cardinality(_count_chunks.contents)]),
            jsonb_build_object('chunking', v_chunking),
            600
        );
    end if;

    return query
    select
        coalesce(sum(jsonb_array_length(p.plan -> 'chunks')), 0)::bigint,
        coalesce(
            sum((select sum(length(t.value)) from jsonb_array_elements_text(p.plan -> 'texts') as t)),
            0
        )::bigint,
        coalesce((select sum(length(c.content)) from unnest(_count_chunks.contents) as c (content)), 0)::numeric
    from unnest(v_plans) as u (plan_text)
    cross join lateral (select u.plan_text::jsonb as plan) as p;
end
$function$;

comment on function steward._count_chunks(text[], jsonb) is
'Part of steward.dry_run(): cuts texts and counts.';
