create or replace function steward.track(
    source regclass,
    content text,
    model text default 'builtin/hash@1',
    chunking jsonb default null,
    significance jsonb default null,
    key text default null,
    "where" text default null,
    on_delete text default 'drop',
    mode text default 'queued',
    priority integer default 0,
    notify boolean default false,
    daily_budget numeric default null,
    backfill boolean default true,
    backfill_rate integer default null,
    keep_history interval default '30 days',
    also text[] default '{}'
)
returns bigint
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_content record;
    v_queued bigint;
    v_model text;
begin
    if track.source is null or track.content is null or track.model is null
        or track.on_delete is null or track.mode is null
        or track.priority is null or track.notify is null or track.backfill is null
        or track.keep_history is null or track.also is null
    then
        raise exception 'arguments of track() must not be null'
            using errcode = 'null_value_not_allowed',
            detail = 'All but chunking, significance, key, where, daily_budget and backfill_rate.';
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

    perform steward._check_table(track.source);

    select d.* into strict v_content
    from steward._describe(track.source, track.content, track."where", true) as d;

    perform steward._begin_track(
        track.source, track.content, v_content.content_plain, v_content.condition,
        v_content.condition_plain, v_content.columns, track.key, track.model,
        jsonb_build_object(
            'chunking', track.chunking,
            'significance', track.significance,
            'parts', v_content.parts,
            'on_delete', track.on_delete,
            'mode', track.mode,
            'priority', track.priority,
            'notify', track.notify,
            'daily_budget', track.daily_budget,
            'backfill_rate', track.backfill_rate,
            'keep_history', track.keep_history,
            'condition_old', v_content.condition_old,
            'condition_new', v_content.condition_new,
            'text_columns', v_content.content_columns
        )
    );
    perform steward._create_triggers(
        track.source, v_content.content_columns, v_content.condition_old, v_content.condition_new,
        v_content.columns
    );

    v_queued := steward._finish_track(track.source, track.backfill);

    foreach v_model in array track.also loop
        perform steward.add_space(track.source, v_model);
    end loop;

    if not track.backfill and track.also <> '{}' then
        perform steward.cancel_backfill(track.source);
    end if;

    return v_queued;
end
$function$;

-- the linter does not know that this is a list of arguments
comment on function steward.track( -- noqa: LT01
    regclass, text, text, jsonb, jsonb, text, text, text, text, integer, boolean, numeric, boolean,
    integer, interval, text[]
) is
'Take a table under stewardship: from now on every change of the content is embedded. source: an '
'ordinary or partitioned table, not altered except for its triggers. content: the column with the '
'text, a list of columns such as title, body, or an immutable expression over the columns of a '
'row, such as title || ''. '' || body. model: one of steward.models. chunking: how a text is cut, '
'see steward.chunk(). significance: which changes count, see steward.significance(). key: a unique '
'index of columns that are not null; the primary key unless you say so. where: a condition; only '
'rows that satisfy it are embedded and found. on_delete: drop, or retire to keep the vectors of '
'deleted rows, found by nobody. mode: queued, or transactional to embed in the writer''s own '
'statement, with a built-in model. priority: sources with a higher one come first. notify: tell '
'workers that listen to the channel steward, once in a transaction, which makes commits wait for '
'each other. daily_budget: pause when so much has been spent today, see steward.add_model(). '
'backfill: embed the rows that are there. backfill_rate: of these at most so many in a minute. '
'keep_history: how long what was superseded is kept for steward.as_of(); 0: not at all. '
'also: other models to embed it with, beside, see steward.add_space(). '
'Returns the number of rows that the backfill will queue, estimated if there are many. For '
'steward_admin with the TRIGGER privilege on the table.';
