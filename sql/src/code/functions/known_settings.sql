-- Every setting, with its default. A unit says what a value may be, see configure().
create or replace function steward_private.known_settings()
returns table (setting_name text, default_value text, unit text, meaning text)
language sql
immutable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
begin atomic
    select
        s.setting_name,
        s.default_value,
        s.unit,
        s.meaning
    from (
        values
        ('allowed_endpoints', 'public, loopback', 'endpoints', 'see allow_endpoints()'),
        ('backfill_critical', '1 hour', 'interval', 'health(): no row queued for so long'),
        ('backfill_warn', '10 minutes', 'interval', 'health(): no row queued for so long'),
        ('census_critical', '30 days', 'interval', 'health(): no reconcile() for so long'),
        ('census_warn', '3 days', 'interval', 'health(): no reconcile() for so long'),
        ('claim_critical', '1 hour', 'interval', 'health(): a claim has been held for so long'),
        ('claim_warn', '15 minutes', 'interval', 'health(): a claim has been held for so long'),
        ('coverage_critical', '0.9', 'share', 'health(): a smaller share of the rows is fresh'),
        ('coverage_warn', '0.99', 'share', 'health(): a smaller share of the rows is fresh'),
        ('expect_pg_cron', 'true', 'yes or no', 'health(): whether pg_cron has to be there'),
        ('failed_critical', '10', 'rows', 'health(): so many rows have failed for good'),
        ('failed_warn', '1', 'rows', 'health(): so many rows have failed for good'),
        ('keep_decisions', '90 days', 'interval', 'how long steward.decisions can be read'),
        ('lost_claim_critical', '10 minutes', 'interval', 'health(): a lease ran out so long ago'),
        ('lost_claim_warn', '2 minutes', 'interval', 'health(): a lease ran out so long ago'),
        ('pending_critical', '1 hour', 'interval', 'health(): an edit has waited for so long'),
        ('pending_warn', '10 minutes', 'interval', 'health(): an edit has waited for so long'),
        ('promote_coverage', '0.99', 'share', 'promote(): refuses a smaller share of fresh rows'),
        ('unindexed_critical', '500000', 'chunks', 'health(): so many have no vector index'),
        ('unindexed_warn', '50000', 'chunks', 'health(): so many have no vector index'),
        ('unseen_critical', '100', 'rows', 'health(): so many rows changed and no trigger told'),
        ('unseen_warn', '1', 'rows', 'health(): so many rows changed and no trigger told'),
        ('xmin_critical', '1 hour', 'interval', 'health(): so old a transaction keeps dead rows'),
        ('xmin_transactions_critical', '10000000', 'transactions', 'health(): so many ago'),
        ('xmin_transactions_warn', '1000000', 'transactions', 'health(): so many ago'),
        ('xmin_warn', '15 minutes', 'interval', 'health(): so old a transaction keeps dead rows')
    ) as s (setting_name, default_value, unit, meaning);
end;
