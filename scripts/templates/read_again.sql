\set steward_done no
\set steward_@verb@ing yes
\set steward_quiet :QUIET
\set steward_on_error_stop :ON_ERROR_STOP
\set steward_on_error_rollback :ON_ERROR_ROLLBACK
\set QUIET on
\set ON_ERROR_ROLLBACK off
\set ON_ERROR_STOP off
-- psql decides when it starts a line whether an error in it ends the file. So an error ends this
-- inner reading of the file, and the outer one goes on, to clean up.
\set ON_ERROR_STOP on \\ \ir @verb@.sql
\set ON_ERROR_STOP off
\if :steward_done
