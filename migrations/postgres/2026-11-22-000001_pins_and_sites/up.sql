-- The message at the top of a room. It may have been deleted since: whoever reads the room looks at the message.
ALTER TABLE rooms ADD COLUMN pinned BIGINT;

-- A JSON list of the sites whose pages may frame the chat; empty is any.
ALTER TABLE rooms ADD COLUMN sites TEXT NOT NULL DEFAULT '[]';

-- For what was done to one user. The table holds what moderators did, not what was said, and stays small.
CREATE INDEX room_events_subject ON room_events (room, subject, seq) WHERE subject IS NOT NULL;
