\if :{?steward_@verb@ing}

begin;
-- Whatever the session's defaults are: see what a lock was waited for, and write.
set local transaction_isolation = 'read committed';
set local transaction_read_only = off;
-- Here and in psql, which follows, a backslash in a string is a backslash.
set local standard_conforming_strings = on;
-- Names that are compared have quotes only where they need them.
set local quote_all_identifiers = off;
set local search_path = pg_catalog, pg_temp;
set local client_min_messages = warning;

-- Two at once: the second waits, and then finds the work done.
do $do$
begin
    perform pg_advisory_xact_lock(hashtextextended('pg_steward', 0));
end
$do$;

-- @include installed.sql@
