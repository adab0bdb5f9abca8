create or replace procedure steward.work(
    seconds integer default 55,
    batch integer default 50,
    lease_seconds integer default 300,
    idle_seconds integer default 5,
    worker text default 'backend ' || pg_backend_pid(),
    requests integer default 8,
    workers integer default 1
)
language plpython3u
-- invoker and without a search_path: a procedure with either may not commit
security invoker
as $python$
# import steward_py
steward_py.serving.work(
    plpy, seconds, batch, lease_seconds, worker,
    idle_seconds=idle_seconds, requests=requests, workers=workers
)
$python$;

-- the linter does not know that this is a list of arguments
comment on procedure steward.work(integer, integer, integer, integer, text, integer, integer) is -- noqa: LT01,LT05
'The worker inside the database: embeds dirty rows with the models that the database can call (the '
'built-in one, and those of the providers openai, ollama and http), committing as it goes, for so '
'many seconds or until there was nothing to do for idle_seconds. While it waits for a provider it '
'holds no transaction, lock or snapshot, and can be cancelled. requests: how many to one model at '
'the same time. workers: how many are called side by side, each of which keeps to its share of '
'the limits of a model. Run by pg_cron every minute after steward.start(). For steward_worker, '
'outside of a transaction.';
