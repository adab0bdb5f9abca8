create or replace function steward_private.define_trigger_function(
    source steward_private.source, purpose text, body text
)
returns void
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := define_trigger_function.source;
    v_name name := steward_private.generated_name(
        v_source, v_source.source_id, define_trigger_function.purpose
    );
begin
    -- definer: whoever writes to the source need not have any right on the tables of pg_steward.
    -- The body is passed as a literal: a column called $body$ must not end it.
    execute format(
        'create or replace function steward_data.%I() returns trigger '
        'language plpgsql volatile parallel unsafe security definer '
        'set search_path = pg_catalog, pg_temp %s as %L',
        v_name,
        -- a float's text has as many digits as the session wants
        case when define_trigger_function.purpose in ('mark', 'truncated') then ''
            else 'set extra_float_digits = 3' end,
        define_trigger_function.body
    );
    execute format('revoke all on function steward_data.%I() from public', v_name);
    -- who creates the triggers, now or on a new partition
    execute format('grant execute on function steward_data.%I() to steward_admin', v_name);
    execute format(
        'grant execute on function steward_data.%I() to %I',
        v_name,
        (select pg_get_userbyid(c.relowner) from pg_class as c where c.oid = v_source.relation)
    );
    execute format(
        'comment on function steward_data.%I() is %L',
        v_name,
        format('Called when rows of %s change.', v_source.relation)
    );
end
$function$;
