create or replace function steward.track(
    source regclass,
    content name,
    model text default 'builtin/hash@1',
    chunk_size integer default 1000
)
returns bigint
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_function regprocedure;
    v_queued bigint;
begin
    if track.source is null or track.content is null or track.model is null
        or track.chunk_size is null
    then
        raise exception 'arguments of track() must not be null'
            using errcode = 'null_value_not_allowed';
    end if;

    -- an older snapshot would miss what was committed before the triggers were there
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'track() must run in a transaction that is read committed'
            using errcode = 'invalid_transaction_state';
    end if;

    if not has_table_privilege(track.source, 'trigger') then
        raise exception 'permission denied to track table %', track.source
            using errcode = 'insufficient_privilege',
            detail = 'Tracking a table puts triggers on it.',
            hint = format(
                'Ask its owner, or run as its owner: grant trigger on %s to %I;',
                track.source, current_user
            );
    end if;

    v_function := steward._begin_track(track.source, track.content, track.model, track.chunk_size);
    perform steward._create_triggers(
        track.source, track.content, steward._key_columns(track.source), v_function
    );
    v_queued := steward._finish_track(track.source);

    return v_queued;
end
$function$;

comment on function steward.track(regclass, name, text, integer) is
'Take a table under stewardship: from now on every change of the content column is embedded. '
'source: an ordinary or partitioned table with a primary key, not altered except for four '
'triggers. content: the column with the text. model: one of steward.models. chunk_size: '
'characters of a chunk, as a target. Returns the number of rows queued for embedding. For '
'steward_admin with the TRIGGER privilege on the table.';
