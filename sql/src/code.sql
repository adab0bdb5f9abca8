-- Stateless objects, replayed whole on every install and upgrade.

-- about itself
\ir code/functions/version.sql
\ir code/functions/enable_python.sql
-- @define_python@
\ir code/functions/has_python.sql
\ir code/functions/known_settings.sql
\ir code/functions/setting_value.sql
\ir code/functions/configure.sql
\ir code/functions/allow_endpoints.sql
\ir code/views/settings.sql

-- pieces of generated statements
\ir code/functions/key_list.sql
\ir code/functions/key_match.sql
\ir code/functions/key_row_match.sql
\ir code/functions/key_object.sql
\ir code/functions/key_record.sql
\ir code/functions/key_record_columns.sql
\ir code/functions/key_definition.sql
\ir code/functions/vector_type.sql
\ir code/functions/vector_operator.sql
\ir code/functions/embedding_type.sql
\ir code/functions/embedding_of.sql
\ir code/functions/embedding_distance.sql
\ir code/functions/embedding_similarity.sql
\ir code/functions/embedding_cosine.sql
\ir code/functions/generated_name.sql
\ir code/functions/plan_options.sql
\ir code/functions/class_operator.sql

-- a source begins and ends: the generated objects
\ir code/functions/source_of.sql
\ir code/functions/key_value.sql
\ir code/functions/is_trusted_type.sql
\ir code/functions/require_finished.sql
\ir code/triggers/source.sql
\ir code/functions/create_visibility_policy.sql
\ir code/functions/create_space.sql
\ir code/functions/create_mark_tables.sql
\ir code/functions/define_readers.sql
\ir code/functions/compared_statement.sql
\ir code/functions/define_finish_function.sql
\ir code/functions/define_space_functions.sql
\ir code/functions/define_fold_function.sql
\ir code/functions/define_key_accessors.sql
\ir code/functions/define_trigger_function.sql
\ir code/functions/define_trigger_functions.sql
\ir code/functions/trigger_count.sql
\ir code/functions/require_triggers.sql
\ir code/functions/require_trusted_expressions.sql
\ir code/functions/is_expression.sql
\ir code/functions/_check_options.sql
\ir code/functions/key_index.sql
\ir code/functions/begin_backfill.sql
\ir code/functions/_trigger_functions.sql
\ir code/functions/_check_table.sql
\ir code/functions/_describe_content.sql
\ir code/functions/_parts.sql
\ir code/functions/_describe.sql
\ir code/functions/_policy.sql
\ir code/functions/require_known_parts.sql
\ir code/functions/significance.sql
\ir code/functions/_begin_track.sql
\ir code/functions/_has_before_update_trigger.sql
\ir code/functions/_create_triggers.sql
\ir code/functions/_finish_track.sql
\ir code/functions/_finish_untrack.sql
\ir code/functions/track.sql
\ir code/functions/_options.sql
\ir code/functions/_begin_alter.sql
\ir code/functions/_finish_alter.sql
\ir code/functions/_backfill_size.sql
\ir code/functions/alter.sql
\ir code/functions/_price.sql
\ir code/functions/_count_chunks.sql
\ir code/functions/dry_run.sql
\ir code/functions/_preview.sql
\ir code/functions/preview.sql
\ir code/functions/untrack.sql
\ir code/functions/require_trigger_privilege.sql
\ir code/functions/lock_registration.sql
\ir code/functions/lock_row.sql
\ir code/functions/space_of.sql
\ir code/functions/add_model.sql
\ir code/functions/set_price.sql
\ir code/functions/public_model_settings.sql
\ir code/functions/model_settings.sql
\ir code/functions/_model_settings.sql
\ir code/functions/check_secret.sql
\ir code/functions/set_secret.sql
\ir code/functions/refer_secret.sql
\ir code/functions/drop_secret.sql

-- the life of a job: take, read, plan, finish or give back
\ir code/functions/max_attempts.sql
\ir code/functions/check_lease.sql
\ir code/functions/require_read_committed.sql
\ir code/functions/source_of_space.sql
\ir code/functions/_refuse_claim.sql
\ir code/functions/claims_of.sql
\ir code/functions/readable_spaces.sql
\ir code/functions/touch_source.sql
\ir code/functions/check_vectors.sql
\ir code/functions/finish_claims.sql
\ir code/functions/give_back.sql
\ir code/functions/settle_claims.sql
\ir code/functions/plan_claims.sql
\ir code/functions/plan_complaint.sql
\ir code/functions/take_claims.sql
\ir code/functions/set_aside.sql
\ir code/functions/empty_mark_table.sql
\ir code/functions/refill_queue.sql
\ir code/functions/fold_spaces.sql
\ir code/functions/sync_row.sql
\ir code/functions/note_worker.sql
\ir code/functions/claim.sql
\ir code/functions/claim_texts.sql
\ir code/functions/submit_plans.sql
\ir code/functions/complete.sql
\ir code/functions/fail.sql
\ir code/functions/release.sql
\ir code/functions/extend.sql
\ir code/functions/drop_retired_spaces.sql
\ir code/functions/reap.sql
\ir code/functions/retry_failed.sql
\ir code/functions/pause.sql
\ir code/functions/resume.sql
\ir code/functions/backfill.sql
\ir code/functions/cancel_backfill.sql
\ir code/functions/verify.sql
\ir code/functions/counted_statement.sql
\ir code/functions/finish_census.sql
\ir code/functions/census_slice.sql
\ir code/functions/reconcile.sql
\ir code/functions/_reconcile_slice.sql
\ir code/functions/reconcile_all.sql

-- what was: look back, go back, let go
\ir code/functions/require_sight_of_all.sql
\ir code/functions/as_of.sql
\ir code/functions/explain_change.sql
\ir code/functions/simulate.sql
\ir code/functions/suggest_threshold.sql
\ir code/functions/rollback_document.sql
\ir code/functions/erase.sql
\ir code/functions/prune_space.sql
\ir code/functions/prune.sql
\ir code/functions/tidy_decisions.sql
\ir code/functions/tidy_tally.sql
\ir code/functions/tidy.sql

-- the read side
\ir code/functions/_active_model.sql
\ir code/functions/_search_statement.sql
\ir code/functions/search_vector.sql
\ir code/functions/search.sql
\ir code/functions/all_jobs.sql
\ir code/functions/all_queue.sql
\ir code/functions/all_failures.sql
\ir code/functions/all_freshness.sql

-- several models side by side
\ir code/functions/activate_space.sql
\ir code/functions/require_coverage.sql
\ir code/functions/add_space.sql
\ir code/functions/promote.sql
\ir code/functions/demote.sql
\ir code/functions/retire_space.sql
\ir code/functions/compare_spaces.sql
\ir code/functions/freshness_detail.sql
\ir code/views/models.sql
\ir code/views/secrets.sql
\ir code/views/sources.sql
\ir code/views/policies.sql
\ir code/views/spaces.sql
\ir code/views/jobs.sql
\ir code/views/queue.sql
\ir code/views/failures.sql
\ir code/views/workers.sql
\ir code/views/decisions.sql
\ir code/views/decisions_summary.sql
\ir code/views/freshness.sql
\ir code/views/backfills.sql
\ir code/views/costs.sql

-- running by itself, and telling how it is
\ir code/functions/_tasks.sql
\ir code/functions/start.sql
\ir code/functions/stop.sql
\ir code/functions/status.sql
\ir code/functions/check.sql
\ir code/functions/schedule_health.sql
\ir code/functions/xmin_health.sql
\ir code/functions/row_health.sql
\ir code/functions/index_health.sql
\ir code/functions/health.sql

-- what depends on the user's tables
\ir code/regenerate.sql

-- who may do what: always last
\ir code/privileges.sql
