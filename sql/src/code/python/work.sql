create or replace procedure steward.work(
    seconds integer default 55,
    batch integer default 50,
    lease_seconds integer default 300,
    idle_seconds integer default 5,
    worker text default 'backend ' || pg_backend_pid()
)
language plpython3u
-- invoker and without a search_path: a procedure with either may not commit
security invoker
as $python$
# import steward_py
steward_py.entry.work(plpy, seconds, batch, lease_seconds, worker, idle_seconds=idle_seconds)
$python$;

-- the linter does not know that this is a list of arguments
comment on procedure steward.work(integer, integer, integer, integer, text) is -- noqa: LT01
'The worker inside the database: embeds dirty rows with the built-in model builtin/hash@1 '
'(lexical, for trying out and testing), committing after each batch, for so many seconds or until '
'there was nothing to do for idle_seconds. Holds no transaction while it computes. Run by pg_cron '
'every minute after steward.start(). For steward_worker, outside of a transaction.';
