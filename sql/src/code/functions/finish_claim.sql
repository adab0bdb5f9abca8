-- What complete() does once it knows the claim; claim() does the same for rows that need no vector.
-- Returns the outcome, or 'busy' when somebody else has the row or its job locked. Never waits:
-- the caller may hold locks that the one who has the row is waiting for.
create or replace function steward_private.finish_claim(
    source steward_private.source,
    space steward_private.space,
    claim steward_private.claim,
    vectors text[]
)
returns text
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := finish_claim.source;
    v_space steward_private.space := finish_claim.space;
    v_claim steward_private.claim := finish_claim.claim;
    v_key_record text := steward_private.key_record(v_source, '$1');
    v_locked boolean;
    v_found boolean;
    v_held boolean;
    v_generation bigint;
    v_removed integer := 0;
    v_embedded integer := cardinality(finish_claim.vectors);
    v_reused integer := 0;
    v_revision integer;
    v_outcome text;
    v_reason text;
begin
    -- source row, then job, then chunks: the order in which everybody locks
    execute format('select steward_private.lock_%s($1)', v_source.source_id)
    into v_locked
    using v_claim.key;

    if v_locked then
        v_found := true;
    else
        execute format(
            'select r.found from steward_private.read_%s(jsonb_build_array($1)) as r',
            v_source.source_id
        )
        into v_found
        using v_claim.key;

        if v_found then
            return 'busy';
        end if;
    end if;

    execute format(
        'select t.generation from %1$s as t, %2$s as k '
        'where %3$s and t.token = $2 for update of t skip locked',
        v_space.job_table, v_key_record, steward_private.key_match(v_source, 't', 'k')
    )
    into v_generation
    using v_claim.key, v_claim.token;

    if v_generation is null then
        execute format(
            'select true from %1$s as t, %2$s as k where %3$s and t.token = $2',
            v_space.job_table, v_key_record, steward_private.key_match(v_source, 't', 'k')
        )
        into v_held
        using v_claim.key, v_claim.token;

        if v_held then
            return 'busy';
        end if;

        perform steward_private.refuse_claim(v_claim.token);
    end if;

    -- The claim found no row but now there is one: its insert has raised the generation, so that
    -- another claim will read it.
    v_found := v_found and v_claim.plan <> 'null';

    if not v_found or v_claim.plan -> 'chunks' = '[]' then
        v_outcome := 'retired';
        v_reason := case when v_found then 'content is empty' else 'row is gone' end;
    elsif v_embedded > 0 then
        v_outcome := 'embedded';
        v_reason := 'content changed';
    else
        v_outcome := 'reused';
        v_reason := 'every chunk has its vector already';
    end if;

    if v_found then
        execute format(
            $sql$
            with k as materialized (select * from %4$s as k),

            planned as materialized (
                select
                    p.ordinal,
                    p.start,
                    p."end",
                    p.heading,
                    $2 -> 'texts' ->> p.vector as text,
                    decode(p.chunk_hash, 'hex') as chunk_hash,
                    p.vector,
                    p.chunk_id is null as is_new,
                    coalesce(
                        p.chunk_id, nextval(pg_get_serial_sequence(%7$L, 'chunk_id'))
                    ) as chunk_id
                from jsonb_to_recordset($2 -> 'chunks') as p (
                    ordinal integer, start integer, "end" integer, heading text,
                    chunk_hash text, vector integer, chunk_id bigint
                )
            ),

            document as (
                insert into %1$s as d (
                    %3$s, revision, content_hash, chunk_ids, starts, ends, headings
                )
                select
                    %5$s,
                    1,
                    decode($2 ->> 'content_hash', 'hex'),
                    array(select p.chunk_id from planned as p order by p.ordinal),
                    array(select p.start from planned as p order by p.ordinal),
                    array(select p."end" from planned as p order by p.ordinal),
                    array(select p.heading from planned as p order by p.ordinal)
                from k
                on conflict (%3$s) do update
                set
                    revision = d.revision + 1,
                    content_hash = excluded.content_hash,
                    chunk_ids = excluded.chunk_ids,
                    starts = excluded.starts,
                    ends = excluded.ends,
                    headings = excluded.headings,
                    decided_at = excluded.decided_at
                returning d.revision
            ),

            removed as (
                delete from %2$s as c
                using k
                where %6$s and c.chunk_id not in (select p.chunk_id from planned as p)
                returning c.chunk_id
            ),

            added as (
                insert into %2$s (chunk_id, %3$s, chunk, chunk_hash, embedding)
                select p.chunk_id, %5$s, p.text, p.chunk_hash, ($3[p.vector + 1])::%8$s
                from planned as p, k
                where p.is_new
                returning chunk_id
            )

            select
                (select d.revision from document as d),
                (select count(*) from removed),
                (select count(*) from planned as p where not p.is_new),
                (select count(*) from added)
            $sql$,
            v_space.doc_table,
            v_space.chunk_table,
            replace(steward_private.key_list(v_source, 'k'), 'k.', ''),
            v_key_record,
            steward_private.key_list(v_source, 'k'),
            steward_private.key_match(v_source, 'c', 'k'),
            v_space.chunk_table,
            steward_private.vector_type()
        )
        into v_revision, v_removed, v_reused, v_embedded
        using v_claim.key, v_claim.plan, finish_claim.vectors;
    else
        execute format(
            'delete from %1$s as d using %2$s as k where %3$s returning d.revision',
            v_space.doc_table, v_key_record, steward_private.key_match(v_source, 'd', 'k')
        )
        into v_revision
        using v_claim.key;
        execute format(
            'delete from %1$s as c using %2$s as k where %3$s',
            v_space.chunk_table, v_key_record, steward_private.key_match(v_source, 'c', 'k')
        )
        using v_claim.key;
        get diagnostics v_removed = row_count;
    end if;

    insert into steward_private.decision (
        space_id, key, revision, outcome, reason, chunks_embedded, chunks_reused, chunks_removed
    )
    values (
        v_space.space_id, v_claim.key, v_revision, v_outcome, v_reason,
        v_embedded, v_reused, v_removed
    );

    -- An edit that came after the claim has raised the generation: its job stays.
    if v_generation = v_claim.generation then
        execute format(
            'delete from %1$s as t using %2$s as k where %3$s',
            v_space.job_table, v_key_record, steward_private.key_match(v_source, 't', 'k')
        )
        using v_claim.key;
    else
        execute format(
            'update %1$s as t set token = null, attempts = 0, available_at = now() '
            'from %2$s as k where %3$s',
            v_space.job_table, v_key_record, steward_private.key_match(v_source, 't', 'k')
        )
        using v_claim.key;
    end if;

    delete from steward_private.claim as c where c.token = v_claim.token;

    return v_outcome;
end
$function$;
