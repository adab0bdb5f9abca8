-- Nothing below can be caught by an object of the same name in a schema of the user's.
set local search_path = pg_catalog, pg_temp;
set local client_min_messages = warning;
-- For what is run from strings and bodies. Too late for the file itself, which create extension has
-- read by now: a string that holds a backslash and is in no body is written E'' here.
set local standard_conforming_strings = on;
-- Names that are compared have quotes only where they need them.
set local quote_all_identifiers = off;

-- Inside a transaction, the next statement sees the transaction id that this one takes.
do $do$
begin
    if current_setting('server_version_num')::integer < 150000 then
        raise exception 'pg_steward requires PostgreSQL 15 or later'
            using
                errcode = 'feature_not_supported',
                detail = format('This server is PostgreSQL %s.', current_setting('server_version'));
    end if;
    perform pg_current_xact_id();
end
$do$;

-- Outside a transaction an error would not stop psql: it would go on and leave half of it there.
-- So the session is made unable to write, first, because an error would take that back too.
do $do$
begin
    if pg_current_xact_id_if_assigned() is null then
        perform set_config('default_transaction_read_only', 'on', false);
    end if;
end
$do$;

do $do$
begin
    if pg_current_xact_id_if_assigned() is null then
        raise exception 'this file must run inside a transaction'
            using
                errcode = 'no_active_sql_transaction',
                detail = 'The session is now read-only, so that nothing is installed in part.',
                hint = 'Reconnect, or reset default_transaction_read_only; run sql/install.sql.';
    end if;
end
$do$;

-- @include installed.sql@

do $do$
declare
    v_previous constant text := '@previous_version@';
    v_installed constant text := nullif(current_setting('steward.installed'), '');
    v_name text;
    v_vector text;
begin
    select e.extversion into v_vector from pg_extension as e where e.extname = 'vector';
    if v_vector is null or string_to_array(v_vector, '.')::integer[] < array[0, 8, 0] then
        raise exception 'pg_steward requires the extension vector 0.8.0 or later'
            using
                errcode = 'object_not_in_prerequisite_state',
                detail = coalesce(
                    'This database has vector ' || v_vector || '.',
                    'This database has no extension vector.'
                ),
                hint = case
                    when v_vector is null then 'Run: create extension vector;'
                    else 'Run: alter extension vector update;'
                end;
    end if;

    if v_previous = '' then
        if v_installed is not null then
            raise exception 'pg_steward % is already installed', v_installed
                using
                    errcode = 'duplicate_object',
                    hint = 'To upgrade it, run sql/install.sql; to remove it, sql/uninstall.sql.';
        end if;
        select n.nspname into v_name
        from pg_namespace as n
        where n.nspname in ('steward', 'steward_data', 'steward_private')
        order by n.nspname
        limit 1;
        if found then
            raise exception 'schema "%" already exists', v_name
                using
                    errcode = 'duplicate_schema',
                    detail = 'It was not made by pg_steward, which needs this name for its own.',
                    hint = format('Rename it: alter schema %I rename to something_else;', v_name),
                    schema = v_name;
        end if;
    elsif v_installed is distinct from v_previous then
        raise exception 'this file upgrades pg_steward %', v_previous
            using
                errcode = 'object_not_in_prerequisite_state',
                detail = coalesce(
                    'Installed is ' || v_installed || '.',
                    'pg_steward is not installed in this database.'
                ),
                hint = 'Run sql/install.sql, which takes the steps that are needed.';
    elsif exists (select from pg_extension as e where e.extname = 'steward') then
        -- What is created outside an extension script would be no member of the extension. The call
        -- tells where we are: inside a script it gets as far as missing the table.
        begin
            perform pg_extension_config_dump(0, '');
        exception
            when undefined_table then
                null;
            when others then
                raise exception 'pg_steward % was installed by create extension', v_installed
                    using
                        errcode = 'object_not_in_prerequisite_state',
                        hint = 'Run: alter extension steward update;';
        end;
    end if;
end
$do$;
