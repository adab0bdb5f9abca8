drop trigger if exists after_insert_require_finished on steward_private.source;

-- at commit: a source that nobody finished would stand in everybody's way
create constraint trigger after_insert_require_finished
after insert on steward_private.source
deferrable initially deferred
for each row
execute function steward_private.require_finished();
