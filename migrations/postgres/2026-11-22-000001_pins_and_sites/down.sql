DROP INDEX room_events_subject;
ALTER TABLE rooms DROP COLUMN sites;
ALTER TABLE rooms DROP COLUMN pinned;
