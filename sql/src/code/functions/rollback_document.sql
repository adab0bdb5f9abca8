create or replace function steward.rollback_document(
    source regclass, key jsonb, revision integer default null, model text default null
)
returns integer
language plpgsql
volatile parallel unsafe
-- definer: writes vectors on behalf of an admin that has no other right
security definer
set search_path = pg_catalog, pg_temp
set extra_float_digits = 3
as $function$
declare
    v_source steward_private.source := steward_private.source_of(rollback_document.source);
    v_space steward_private.space;
    v_columns text := replace(steward_private.key_list(v_source, 't'), 't.', '');
    v_is_kept boolean := v_source.keep_history > interval '0';
    v_key jsonb;
    v_counts boolean;
    v_hash bytea;
    v_doc record;
    v_old record;
    v_pairs record;
    v_known text;
    v_ids bigint[];
    v_count integer;
    v_removed integer;
    v_now timestamptz;
begin
    perform steward_private.require_read_committed('rollback_document()');
    perform steward_private.require_trigger_privilege(v_source, 'roll back a document');
    v_key := steward_private.key_value(v_source, rollback_document.key);

    -- source, row, job, document: in the order in which everybody locks them
    execute format('select from steward_private.read_%s(''[]'') as r', v_source.source_id);

    select s.* into v_space
    from steward_private.space as s
    where
        s.source_id = v_source.source_id
        and s.state <> 'retired'
        and case
            when rollback_document.model is null then s.state = 'active'
            else s.model_name = rollback_document.model
        end;

    if not found then
        raise exception 'table % is not embedded by model "%"',
            v_source.relation, rollback_document.model
            using errcode = 'undefined_object',
            hint = 'List its models with: select * from steward.spaces;';
    end if;

    v_counts := steward_private.lock_row(v_source, v_key);

    if not v_counts then
        raise exception 'there is no row % of table %', v_key, v_source.relation
            using errcode = 'object_not_in_prerequisite_state',
            detail = 'What is gone is not brought back.';
    end if;

    execute format(
        'select from %s as t, %s as k where %s for update of t',
        v_space.job_table, steward_private.key_record(v_source, '$1'),
        steward_private.key_match(v_source, 't', 'k')
    )
    using v_key;
    execute format(
        'select t.* from %s as t, %s as k where %s for update of t',
        v_space.doc_table, steward_private.key_record(v_source, '$1'),
        steward_private.key_match(v_source, 't', 'k')
    )
    into v_doc
    using v_key;
    execute format(
        'select sha256(convert_to(coalesce(r.content, ''''), ''UTF8'')) '
        'from steward_private.read_%s($1) as r where r.found',
        v_source.source_id
    )
    into v_hash
    using jsonb_build_array(v_key);

    -- Whatever is to be shown has to be of the text that the row has now: compared with the row
    -- itself, because a change may have come that no worker has seen yet.
    if v_doc.revision is null or v_doc.retired_at is not null
        or v_hash is distinct from v_doc.content_hash
    then
        raise exception 'document % of table % is not of the present text of its row',
            v_key, v_source.relation
            using errcode = 'object_not_in_prerequisite_state',
            detail = format(
                'The text of the row has the hash %s, that of the document %s.',
                coalesce(encode(v_hash, 'hex'), 'null'),
                coalesce(encode(v_doc.content_hash, 'hex'), 'null')
            ),
            hint = 'A worker has yet to come to it.';
    end if;

    execute format(
        $sql$
        select t.*
        from %1$s as t, %2$s as k
        where %3$s and ($2 is null or t.revision = $2)
        order by t.superseded_at desc, t.revision desc
        limit 1
        $sql$,
        v_space.revision_table, steward_private.key_record(v_source, '$1'),
        steward_private.key_match(v_source, 't', 'k')
    )
    into v_old
    using v_key, rollback_document.revision;

    execute format(
        $sql$
        select string_agg(t.revision::text, ', ' order by t.superseded_at desc)
        from %1$s as t, %2$s as k
        where %3$s and (t.content_hash, t.starts, t.ends, t.headings)
            is not distinct from ($2, $3, $4, $5)
        $sql$,
        v_space.revision_table, steward_private.key_record(v_source, '$1'),
        steward_private.key_match(v_source, 't', 'k')
    )
    into v_known
    using v_key, v_doc.content_hash, v_doc.starts, v_doc.ends, v_doc.headings;

    if v_old.revision is null then
        raise exception 'document % of table % has no revision % in its history',
            v_key, v_source.relation, coalesce(rollback_document.revision::text, 'before this one')
            using errcode = 'undefined_object',
            detail = format(
                'It is at revision %s. Of the same text there are: %s.',
                v_doc.revision, coalesce(v_known, 'none')
            );
    end if;

    if (v_old.content_hash, v_old.starts, v_old.ends, v_old.headings)
        is distinct from (v_doc.content_hash, v_doc.starts, v_doc.ends, v_doc.headings)
    then
        raise exception 'revision % of document % of table % is of an outdated text',
            v_old.revision, v_key, v_source.relation
            using errcode = 'object_not_in_prerequisite_state',
            detail = format(
                'Its text has the hash %s and was cut into %s chunks; the row has now a text with '
                'the hash %s, cut into %s chunks. Of the present text there are these revisions: %s.',
                encode(v_old.content_hash, 'hex'), cardinality(v_old.chunk_ids),
                encode(v_hash, 'hex'), cardinality(v_doc.chunk_ids), coalesce(v_known, 'none')
            ),
            hint = 'Search never shows a text that its row no longer has.';
    end if;

    -- Chunks that it shows already stay where they are; the others come back under new numbers.
    execute format(
        $sql$
        select
            array_agg(coalesce(c.chunk_id, nextval(%3$L)) order by o.n),
            count(*) filter (where c.chunk_id is null and p.chunk_id is null)
        from unnest($1::bigint[]) with ordinality as o (chunk_id, n)
        left join %1$s as c on c.chunk_id = o.chunk_id
        left join %2$s as p on p.chunk_id = o.chunk_id
        $sql$,
        v_space.chunk_table, v_space.past_table,
        pg_get_serial_sequence(v_space.chunk_table::text, 'chunk_id')
    )
    into v_ids, v_count
    using v_old.chunk_ids::bigint[];

    if v_count > 0 then
        raise exception 'chunks of revision % of document % of table % are gone',
            v_old.revision, v_key, v_source.relation
            using errcode = 'object_not_in_prerequisite_state';
    end if;

    -- What was accepted by another policy is to be so by the present one.
    if v_old.shown is not null and v_source.significance ->> 'cosine' is null then
        execute format(
            $sql$
            select
                array_agg(c.chunk order by o.n) as olds,
                array_agg(c.prefix order by o.n) as old_prefixes,
                array_agg(o.shown order by o.n) as texts,
                array_agg(o.heading order by o.n) as headings
            from unnest($1, $2, $3) with ordinality as o (chunk_id, shown, heading, n)
            inner join (
                select t.chunk_id, t.chunk, t.prefix from %1$s as t
                union
                select t.chunk_id, t.chunk, t.prefix from %2$s as t
            ) as c on c.chunk_id = o.chunk_id
            where o.shown is not null
            $sql$,
            v_space.chunk_table, v_space.past_table
        )
        into v_pairs
        using v_old.chunk_ids::bigint[], v_old.shown::text[], v_old.headings::text[];

        if false = any(
            steward_private.accepted(
                v_pairs.olds, v_pairs.old_prefixes, v_pairs.texts,
                case
                    when (v_source.chunking ->> 'headings')::boolean then v_pairs.headings
                    else array_fill(null::text, array[cardinality(v_pairs.texts)])
                end,
                v_source.significance
            )
        ) then
            raise exception 'revision % of document % of table % has vectors of an earlier text',
                v_old.revision, v_key, v_source.relation
                using errcode = 'object_not_in_prerequisite_state',
                detail = format(
                    'The change was accepted by version %s of the policy; by version %s it counts.',
                    v_old.policy_version, v_source.policy_version
                );
        end if;
    end if;

    v_now := clock_timestamp();

    if v_is_kept then
        execute format(
            $sql$
            insert into %1$s (
                %4$s, revision, content_hash, chunk_ids, starts, ends, headings, shown,
                policy_version, valid_from, decided_at, superseded_at
            )
            select
                %5$s, t.revision, t.content_hash, t.chunk_ids, t.starts, t.ends, t.headings, t.shown,
                t.policy_version, t.valid_from, t.decided_at, $2
            from %2$s as t, %3$s as k
            where %6$s
            $sql$,
            v_space.revision_table, v_space.doc_table,
            steward_private.key_record(v_source, '$1'),
            v_columns, steward_private.key_list(v_source, 't'),
            steward_private.key_match(v_source, 't', 'k')
        )
        using v_key, v_now;
    end if;

    execute format(
        $sql$
        insert into %1$s (chunk_id, %3$s, chunk, prefix, chunk_hash, embedding, embedded_at)
        select o.new_id, %4$s, t.chunk, t.prefix, t.chunk_hash, t.embedding, t.embedded_at
        from unnest($1::bigint[], $2::bigint[]) as o (old_id, new_id)
        inner join %2$s as t on t.chunk_id = o.old_id
        where o.old_id <> o.new_id
        $sql$,
        v_space.chunk_table, v_space.past_table, v_columns, steward_private.key_list(v_source, 't')
    )
    using v_old.chunk_ids::bigint[], v_ids;
    get diagnostics v_count = row_count;

    execute format(
        $sql$
        with removed as (
            delete from %1$s as t
            using %3$s as k
            where %4$s and t.chunk_id <> all($2)
            returning t.*
        ),

        kept as (
            insert into %2$s (
                chunk_id, %5$s, chunk, prefix, chunk_hash, embedding, embedded_at, superseded_at
            )
            select
                t.chunk_id, %6$s, t.chunk, t.prefix, t.chunk_hash, t.embedding, t.embedded_at, $3
            from removed as t
            where $4
        )

        select count(*) from removed
        $sql$,
        v_space.chunk_table, v_space.past_table, steward_private.key_record(v_source, '$1'),
        steward_private.key_match(v_source, 't', 'k'), v_columns,
        steward_private.key_list(v_source, 't')
    )
    into v_removed
    using v_key, coalesce(v_ids, '{}'), v_now, v_is_kept;

    -- a plan that a worker has of it is now against another revision
    execute format(
        $sql$
        update %1$s as t
        set
            revision = t.revision + 1, chunk_ids = $2, shown = $4, policy_version = $5,
            valid_from = $3, decided_at = $3
        from %2$s as k
        where %3$s
        $sql$,
        v_space.doc_table, steward_private.key_record(v_source, '$1'),
        steward_private.key_match(v_source, 't', 'k')
    )
    using v_key, coalesce(v_ids, '{}'), v_now, v_old.shown::text[], v_source.policy_version;

    insert into steward_private.tally (space_id, chunks, accepted)
    values (
        v_space.space_id, v_count - v_removed,
        (v_old.shown is not null)::integer - (v_doc.shown is not null)::integer
    );

    insert into steward_private.decision (
        space_id, key, revision, policy_version, outcome, reason, chunks_reused, chunks_accepted,
        chunks_removed, characters, decided_at
    )
    values (
        v_space.space_id, v_key, v_doc.revision + 1, v_source.policy_version, 'restored',
        format('vectors of revision %s', v_old.revision),
        coalesce(cardinality(v_ids), 0),
        coalesce(cardinality(array_remove(v_old.shown::text[], null)), 0),
        v_removed,
        coalesce((select max(e.e) from unnest(v_doc.ends::integer[]) as e (e)), 0), v_now
    );

    return v_doc.revision + 1;
end
$function$;

comment on function steward.rollback_document(regclass, jsonb, integer, text) is
'Have a document of a tracked table show the vectors of an earlier revision again, for instance '
'because a provider gave bad ones since. key: as steward.search() writes it; revision: null for '
'the one before; model: null for the one that search answers from. Only vectors go back: the '
'revision must be of the very text that the row has now, cut in the same way, otherwise it is '
'refused with an error that says which revisions are. Nothing is embedded; what was shown until '
'now becomes history, and what a worker has in hand of it will be superseded. Returns the number '
'of the new revision. For steward_admin with the TRIGGER privilege on the table.';
