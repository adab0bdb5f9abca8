-- Who may do what. PUBLIC may do nothing; people are made members of these roles.

revoke all on schema steward, steward_private, steward_data from public;
revoke all on all routines in schema steward, steward_private, steward_data from public;
revoke all on all tables in schema steward, steward_private, steward_data from public;

-- start from nothing, so that what an earlier version granted does not stay
revoke all on all routines in schema steward, steward_private
from steward_reader, steward_operator, steward_worker, steward_admin;
revoke all on all tables in schema steward, steward_private
from steward_reader, steward_operator, steward_worker, steward_admin;

-- everybody: what is this, and is it well
grant usage on schema steward to steward_reader, steward_operator, steward_worker, steward_admin;
grant execute on function steward.version()
to steward_reader, steward_operator, steward_worker, steward_admin;
grant execute on function steward.check()
to steward_reader, steward_operator, steward_worker, steward_admin;
grant select on steward.models to steward_reader, steward_operator, steward_worker, steward_admin;
grant select on steward.sources to steward_reader, steward_operator, steward_worker, steward_admin;
grant select on steward.spaces to steward_reader, steward_operator, steward_worker, steward_admin;

-- reader: search. The tables are read with the reader's own rights, under policies that ask the
-- source; a reader without SELECT on a source finds nothing of it.
grant usage on schema steward_data to steward_reader;
grant execute on function steward.embed(text[], text) to steward_reader;
grant execute on function steward.search(regclass, text, integer, text) to steward_reader;
grant execute on function steward.search_vector(regclass, text, integer, text) to steward_reader;
-- sends the text to the provider of the model and keeps the secret to itself
grant execute on function steward._embed_query(text, text) to steward_reader;
grant execute on function steward._active_model(regclass) to steward_reader;
grant execute on function steward._search_statement(regclass, text, integer, text)
to steward_reader;
grant execute on function steward_private.all_freshness(regclass) to steward_reader;
grant select on steward.freshness to steward_reader;

-- worker: the life of a job
grant execute on function steward.claim(text, integer, interval, regclass, text) to steward_worker;
grant execute on function steward.complete(bigint, text[]) to steward_worker;
grant execute on function steward.complete(bigint[], text[], bigint) to steward_worker;
grant execute on function steward.fail(bigint, text, text, interval) to steward_worker;
grant execute on function steward.fail(bigint[], text, text, interval) to steward_worker;
grant execute on function steward.release(bigint) to steward_worker;
grant execute on function steward.release(bigint[]) to steward_worker;
grant execute on function steward.extend(bigint[], interval) to steward_worker;
grant execute on function steward._refuse_claim(bigint) to steward_worker;
-- one's own lost claims come back only through it, where nothing runs it regularly
grant execute on function steward.reap() to steward_worker;
grant execute on function steward.embed(text[], text) to steward_worker;
grant execute on function steward._load_python() to steward_worker;
grant execute on function steward._model_settings(text) to steward_worker;
-- keeps what it loads where no role can read it
grant execute on function steward._load_provider(text) to steward_worker;
grant execute on procedure steward.work(
    integer, integer, integer, integer, text, integer, integer
) to steward_worker;

-- operator: keeps it running, and sees how; also a worker, because what pg_cron runs for an
-- operator is the operator's work
grant execute on function steward.start(integer) to steward_operator;
grant execute on function steward.stop() to steward_operator;
grant execute on function steward.status() to steward_operator;
grant execute on function steward._tasks(integer) to steward_operator;
grant execute on function steward.retry_failed(regclass) to steward_operator;
grant execute on function steward.pause(regclass, text) to steward_operator;
grant execute on function steward.resume(regclass) to steward_operator;
grant execute on function steward.backfill(regclass) to steward_operator;
grant execute on function steward.cancel_backfill(regclass) to steward_operator;
grant execute on function steward.verify(regclass) to steward_operator;
grant execute on function steward.compare_spaces(regclass) to steward_operator;
grant execute on function steward.prune(regclass, interval, integer) to steward_operator;
grant execute on function steward.tidy() to steward_operator;
grant execute on function steward.reconcile(regclass, bigint, boolean) to steward_operator;
grant execute on function steward._reconcile_slice(regclass, bigint) to steward_operator;
grant execute on procedure steward.reconcile_all(bigint) to steward_operator;
grant execute on function steward.freshness_detail(regclass) to steward_operator;
grant execute on function steward.significance(
    double precision, text[], text[], text[], text[], boolean, double precision, text, text[]
) to steward_operator;
grant execute on function steward.explain_change(text, text, jsonb, jsonb) to steward_operator;
grant execute on function steward.suggest_threshold(
    regclass, double precision, double precision, integer, timestamptz
) to steward_operator;
grant execute on function steward.health() to steward_operator;
grant execute on function steward_private.known_settings() to steward_operator;
grant execute on function steward_private.all_queue() to steward_operator;
grant execute on function steward_private.all_failures() to steward_operator;
grant select on steward.settings to steward_operator;
grant select on steward.queue to steward_operator;
grant select on steward.failures to steward_operator;
grant select on steward.decisions_summary to steward_operator;
grant select on steward.workers to steward_operator;
grant execute on function steward_private.all_jobs() to steward_operator;
grant execute on function steward_private.all_freshness(regclass) to steward_operator;
grant select on steward.jobs to steward_operator;
grant select on steward.decisions to steward_operator;
grant select on steward.policies to steward_operator;
grant select on steward.backfills to steward_operator;
grant select on steward.costs to steward_operator;
grant select on steward.freshness to steward_operator;

-- admin: decides what is looked after. Also everything that the others are.
grant execute on function steward.track(
    regclass, text, text, jsonb, jsonb, text, text, text, text, integer, boolean, numeric, boolean,
    integer, interval, text[]
) to steward_admin;
grant execute on function steward._check_table(regclass) to steward_admin;
grant execute on function steward._describe_content(regclass, text, text) to steward_admin;
grant execute on function steward._parts(regclass, text) to steward_admin;
grant execute on function steward._describe(regclass, text, text, boolean) to steward_admin;
grant execute on function steward._policy(jsonb, jsonb) to steward_admin;
grant execute on function steward._begin_track(
    regclass, text, text, text, text, name[], text, text, jsonb
) to steward_admin;
grant execute on function steward._create_triggers(regclass, name[], text, text, name[])
to steward_admin;
grant execute on function steward._trigger_functions(regclass) to steward_admin;
grant execute on function steward._has_before_update_trigger(regclass) to steward_admin;
grant execute on function steward._finish_track(regclass, boolean) to steward_admin;
grant execute on function steward.untrack(regclass, boolean) to steward_admin;
grant execute on function steward._finish_untrack(regclass, boolean) to steward_admin;
grant execute on function steward.add_model(
    text, integer, text, numeric, text, text, text, text, text, text, text, integer, text, integer,
    integer, integer, integer, interval, boolean, text, boolean, text, jsonb, text
) to steward_admin;
grant execute on function steward.test_model(text) to steward_admin;
grant execute on function steward.set_secret(text, text, text) to steward_admin;
grant execute on function steward.drop_secret(text) to steward_admin;
grant select on steward.secrets to steward_admin;
grant execute on function steward.alter(
    regclass, text, text, jsonb, jsonb, text, text, integer, boolean, numeric, integer, interval
) to steward_admin;
grant execute on function steward._options(regclass) to steward_admin;
grant execute on function steward._begin_alter(regclass, text, text, name[], jsonb, boolean)
to steward_admin;
grant execute on function steward._backfill_size(regclass) to steward_admin;
grant execute on function steward._finish_alter(regclass, boolean) to steward_admin;
grant execute on function steward._check_options(jsonb) to steward_admin;
grant execute on function steward.dry_run(regclass, text, text, jsonb, text, integer)
to steward_admin;
grant execute on function steward.chunk(text, jsonb) to steward_admin;
grant execute on function steward.preview(regclass, text, jsonb, text, text, integer)
to steward_admin;
grant execute on function steward.preview(text, jsonb, text) to steward_admin;
grant execute on function steward._preview(text[], jsonb, text) to steward_admin;
grant execute on function steward._price(text) to steward_admin;
grant execute on function steward._count_chunks(text[], jsonb) to steward_admin;
grant execute on function steward.set_price(text, numeric) to steward_admin;
grant execute on function steward.add_space(regclass, text) to steward_admin;
grant execute on function steward.promote(regclass, text, boolean) to steward_admin;
grant execute on function steward.demote(regclass, boolean) to steward_admin;
grant execute on function steward.retire_space(regclass, text) to steward_admin;
grant execute on function steward.as_of(regclass, timestamptz) to steward_admin;
grant execute on function steward.explain_change(regclass, jsonb, text) to steward_admin;
grant execute on function steward.simulate(regclass, jsonb, timestamptz) to steward_admin;
grant execute on function steward.rollback_document(regclass, jsonb, integer, text)
to steward_admin;
grant execute on function steward.erase(regclass, jsonb) to steward_admin;
grant execute on function steward.configure(text, text) to steward_admin;
