create or replace function steward.explain_change(
    old_text text, new_text text, significance jsonb default null, chunking jsonb default null
)
returns table (
    ordinal integer,
    decision text,
    stage text,
    similarity double precision,
    reason text,
    old_excerpt text,
    new_excerpt text
)
language sql
stable parallel unsafe
-- definer: what compares texts is a function of pg_steward's own
security definer
set search_path = pg_catalog, pg_temp
begin atomic
    select
        e.ordinal,
        e.decision,
        e.stage,
        e.similarity,
        e.reason,
        e.old_excerpt,
        e.new_excerpt
    from steward_private.explain_change(
        null,
        explain_change.old_text,
        explain_change.new_text,
        jsonb_build_object(
            'chunking', explain_change.chunking, 'significance', explain_change.significance
        )
    ) as e;
end;

comment on function steward.explain_change(text, text, jsonb, jsonb) is
'What would become of each chunk if the new text came in the place of the old one, and why, '
'without doing anything. decision: keep, move, accept (the old vector stays, the new text is '
'shown), embed or remove. stage: what decided, cheapest first: same, moved, normalised, guarded, '
'structure, similar or different; new and removed have nothing to be compared with. similarity: '
'of the two texts, from 0 to 1. significance, chunking: see steward.significance() and '
'steward.track(); null: the defaults. For steward_admin, because a tokenizer may be a file of '
'the server.';

create or replace function steward.explain_change(
    source regclass, key jsonb, new_text text default null
)
returns table (
    ordinal integer,
    decision text,
    stage text,
    similarity double precision,
    reason text,
    old_excerpt text,
    new_excerpt text
)
language plpgsql
stable parallel unsafe
-- definer: what is stored may be of a row that is gone; see require_sight_of_all()
security definer
set search_path = pg_catalog, pg_temp
set extra_float_digits = 3
as $function$
declare
    v_source steward_private.source := steward_private.source_of(explain_change.source);
    v_space_id integer;
    v_keys jsonb;
    v_text text := explain_change.new_text;
    v_known text;
    v_is_there boolean := true;
begin
    perform steward_private.require_sight_of_all(v_source);
    v_keys := jsonb_build_array(steward_private.key_value(v_source, explain_change.key));

    select s.space_id into strict v_space_id
    from steward_private.space as s
    where s.source_id = v_source.source_id and s.state = 'active';

    if v_text is null then
        execute format(
            'select r.content from steward_private.read_%s($1) as r', v_source.source_id
        )
        into v_text
        using v_keys;

        if v_text is null then
            execute format(
                'select bool_or(r.found) from steward_private.there_%s($1) as r',
                v_source.source_id
            )
            into v_is_there
            using v_keys;
        end if;

        if not v_is_there then
            raise exception 'there is no row % of table %', explain_change.key, v_source.relation
                using errcode = 'no_data_found';
        end if;
    end if;

    execute format('select k.known from steward_private.known_%s($1) as k', v_space_id)
    into v_known
    using v_keys;

    return query
    select e.ordinal, e.decision, e.stage, e.similarity, e.reason, e.old_excerpt, e.new_excerpt
    from steward_private.explain_change(
        coalesce(v_known, '[]'), null, v_text, steward_private.plan_options(v_source)
    ) as e;
end
$function$;

comment on function steward.explain_change(regclass, jsonb, text) is
'The same for a row of a tracked table, by its own policy, against the texts that its vectors were '
'made of. new_text: its content as it might be; null: as it is now. Say that it is a table, or '
'which argument is the key: explain_change(''articles''::regclass, ''{"id": 1}''), '
'explain_change(''articles'', key => ''{"id": 1}''). Two plain literals are two texts, and three '
'are refused. Stage 7, the cosine of the vectors, is not known before there are any. For '
'steward_admin with SELECT on the table and not subject to its row security.';
