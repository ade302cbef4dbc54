-- For users whom a site signs in: its uid, and the rank held in all of its rooms.
ALTER TABLE users ADD COLUMN site TEXT;
ALTER TABLE users ADD COLUMN site_rank TEXT;

-- Whom a site calls so. `issued_at` is when the newest token was issued that was seen; those that were issued before
-- `issued_from` are refused. A row without a user is kept until all that it refuses have expired.
CREATE TABLE site_users (
    site BIGINT NOT NULL REFERENCES sites (id),
    subject TEXT NOT NULL,
    user_id BIGINT REFERENCES users (id),
    issued_at BIGINT NOT NULL,
    issued_from BIGINT NOT NULL,
    PRIMARY KEY (site, subject)
);
CREATE INDEX site_users_user ON site_users (user_id);
CREATE INDEX site_users_gone ON site_users (site, issued_from) WHERE user_id IS NULL;
