\set QUIET :steward_quiet
\set ON_ERROR_ROLLBACK :steward_on_error_rollback
\unset steward_quiet
\unset steward_on_error_rollback
\if :steward_done
\set ON_ERROR_STOP :steward_on_error_stop
\unset steward_on_error_stop
\unset steward_done
\else
\unset steward_done
\set ON_ERROR_STOP on
-- The setting comes back on the line that runs the statement, so that this error, too, ends the
-- file: psql -f ends with exit code 3.
do $do$
begin
    raise exception 'pg_steward was not @verb@ed, and nothing was changed'
        using hint = 'The reason is in the message before this one.';
end
$do$ \set ON_ERROR_STOP :steward_on_error_stop \\ \unset steward_on_error_stop \\ ;
\endif

\endif
