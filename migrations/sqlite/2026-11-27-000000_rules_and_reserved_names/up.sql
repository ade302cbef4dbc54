-- The most lines of a message; further ones are joined to the last.
ALTER TABLE rooms ADD COLUMN max_lines INTEGER NOT NULL DEFAULT 12;

-- Who may read: everyone, or members (those with an account, and those with a rank in the room).
ALTER TABLE rooms ADD COLUMN readers TEXT NOT NULL DEFAULT 'everyone';

-- Until when a deleted user's name is given to nobody else, ms; NULL while its user is there.
ALTER TABLE names ADD COLUMN reserved_until BIGINT;
CREATE INDEX names_reserved_until ON names (reserved_until) WHERE reserved_until IS NOT NULL;

-- For asking whether the log names somebody who is to be forgotten.
CREATE INDEX room_events_actor ON room_events (actor);
CREATE INDEX room_events_person ON room_events (subject) WHERE subject IS NOT NULL;
