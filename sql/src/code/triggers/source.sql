drop trigger if exists after_change_require_finished on steward_private.source;

-- at commit: a source that nobody finished would stand in everybody's way
create constraint trigger after_change_require_finished
after insert or update of finished on steward_private.source
deferrable initially deferred
for each row
execute function steward_private.require_finished();
