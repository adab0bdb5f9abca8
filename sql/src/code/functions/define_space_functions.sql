-- The two functions that work on the tables of a space. Generated, so that their statements are
-- planned once in a session and not once for each row.
create or replace function steward_private.define_space_functions(
    source steward_private.source, space steward_private.space
)
returns void
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := define_space_functions.source;
    v_space steward_private.space := define_space_functions.space;
    v_key text := steward_private.key_record(v_source, 'v_key');
    v_columns text := replace(steward_private.key_list(v_source, 't'), 't.', '');
    v_body text;
begin
    -- What there is of a document: its chunks, and where in it they are. Bodies are passed as
    -- literals: a column called $body$ must not end them.
    v_body := format(
        $sql$
declare
    v_key jsonb := known_%6$s.key;
begin
    return (
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
    );
end
        $sql$,
        v_space.chunk_table,
        v_space.doc_table,
        v_key,
        steward_private.key_match(v_source, 'c', 'k'),
        steward_private.key_match(v_source, 'd', 'k'),
        v_space.space_id
    );
    execute format(
        'create or replace function steward_private.known_%s(key jsonb) returns jsonb '
        'language plpgsql stable parallel unsafe security invoker '
        'set search_path = pg_catalog, pg_temp as %L',
        v_space.space_id, v_body
    );

    -- What complete() does once it knows the claim; claim() does the same for rows that need no
    -- vector. Returns the outcome, or 'busy' when somebody else has the row or its job locked.
    -- Never waits: the caller may hold locks that the one who has the row is waiting for.
    v_body := format(
        $sql$
#variable_conflict use_column
declare
    v_claim steward_private.claim := finish_%1$s.claim;
    v_vectors text[] := finish_%1$s.vectors;
    v_key jsonb := v_claim.key;
    v_found boolean := steward_private.lock_%2$s(v_claim.key);
    v_generation bigint;
    v_embedded bigint := 0;
    v_reused bigint := 0;
    v_removed bigint := 0;
    v_revision integer;
    v_outcome text;
    v_reason text;
begin
    -- source row, then job, then chunks: the order in which everybody locks
    if v_found is null then
        select r.found into strict v_found
        from steward_private.read_%2$s(jsonb_build_array(v_key)) as r;

        if v_found then
            return 'busy';
        end if;
    end if;

    select t.generation into v_generation
    from %3$s as t, %6$s as k
    where %7$s and t.token = v_claim.token
    for update of t skip locked;

    if not found then
        perform from %3$s as t, %6$s as k where %7$s and t.token = v_claim.token;

        if found then
            return 'busy';
        end if;

        perform steward_private.refuse_claim(v_claim.token);
    end if;

    -- The claim found no row but now there is one: its insert has raised the generation, so that
    -- another claim will read it.
    v_found := v_found and v_claim.plan <> 'null';

    if v_found then
        with k as materialized (select * from %6$s as k),

        planned as materialized (
            select
                p.ordinal,
                p.start,
                p."end",
                p.heading,
                v_claim.plan -> 'texts' ->> p.vector as text,
                decode(p.chunk_hash, 'hex') as chunk_hash,
                p.vector,
                p.chunk_id is null as is_new,
                coalesce(
                    p.chunk_id, nextval(pg_get_serial_sequence(%11$L, 'chunk_id'))
                ) as chunk_id
            from jsonb_to_recordset(v_claim.plan -> 'chunks') as p (
                ordinal integer, start integer, "end" integer, heading text,
                chunk_hash text, vector integer, chunk_id bigint
            )
        ),

        document as (
            insert into %4$s as d (
                %8$s, revision, content_hash, chunk_ids, starts, ends, headings
            )
            select
                k.*,
                1,
                decode(v_claim.plan ->> 'content_hash', 'hex'),
                array(select p.chunk_id from planned as p order by p.ordinal),
                array(select p.start from planned as p order by p.ordinal),
                array(select p."end" from planned as p order by p.ordinal),
                array(select p.heading from planned as p order by p.ordinal)
            from k
            on conflict (%8$s) do update
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
            delete from %5$s as c
            using k
            where %9$s and c.chunk_id not in (select p.chunk_id from planned as p)
            returning c.chunk_id
        ),

        added as (
            insert into %5$s (chunk_id, %8$s, chunk, chunk_hash, embedding)
            select p.chunk_id, k.*, p.text, p.chunk_hash, (v_vectors[p.vector + 1])::%10$s
            from planned as p, k
            where p.is_new
            returning chunk_id
        )

        select
            (select d.revision from document as d),
            (select count(*) from removed),
            (select count(*) from planned as p where not p.is_new),
            (select count(*) from added)
        into v_revision, v_removed, v_reused, v_embedded;
    else
        delete from %4$s as d using %6$s as k where %12$s returning d.revision into v_revision;
        delete from %5$s as c using %6$s as k where %9$s;
        get diagnostics v_removed = row_count;
    end if;

    if not v_found or v_embedded + v_reused = 0 then
        v_outcome := 'retired';
        v_reason := case when v_found then 'content is empty' else 'row is gone' end;
    elsif v_embedded > 0 then
        v_outcome := 'embedded';
        v_reason := 'content changed';
    else
        v_outcome := 'reused';
        v_reason := 'every chunk has its vector already';
    end if;

    insert into steward_private.decision (
        space_id, key, revision, outcome, reason, chunks_embedded, chunks_reused, chunks_removed
    )
    values (
        %1$s, v_key, v_revision, v_outcome, v_reason, v_embedded, v_reused, v_removed
    );

    -- An edit that came after the claim has raised the generation: its job stays.
    if v_generation = v_claim.generation then
        delete from %3$s as t using %6$s as k where %7$s;
    else
        update %3$s as t
        set token = null, attempts = 0, available_at = now()
        from %6$s as k
        where %7$s;
    end if;

    delete from steward_private.claim as c where c.token = v_claim.token;

    return v_outcome;
end
        $sql$,
        v_space.space_id,
        v_source.source_id,
        v_space.job_table,
        v_space.doc_table,
        v_space.chunk_table,
        v_key,
        steward_private.key_match(v_source, 't', 'k'),
        v_columns,
        steward_private.key_match(v_source, 'c', 'k'),
        steward_private.vector_type(),
        v_space.chunk_table,
        steward_private.key_match(v_source, 'd', 'k')
    );
    execute format(
        'create or replace function steward_private.finish_%s('
        'claim steward_private.claim, vectors text[]) returns text '
        'language plpgsql volatile parallel unsafe security invoker '
        'set search_path = pg_catalog, pg_temp as %L',
        v_space.space_id, v_body
    );

    execute format(
        'revoke all on function steward_private.known_%1$s(jsonb), '
        'steward_private.finish_%1$s(steward_private.claim, text[]) from public',
        v_space.space_id
    );
end
$function$;
