-- Web sites whose rooms belong together. `origins` is a JSON list of those whose pages may frame the chat.
CREATE TABLE sites (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uid TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    origins TEXT NOT NULL,
    owner BIGINT NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL
);
CREATE INDEX sites_owner ON sites (owner);

-- What a site signs tokens with: `material` is a secret in base64url, or a public key as JWK. `last_used_at` is to the minute.
CREATE TABLE site_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kid TEXT NOT NULL UNIQUE,
    site BIGINT NOT NULL REFERENCES sites (id),
    algorithm TEXT NOT NULL,
    material TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT
);
CREATE INDEX site_keys_site ON site_keys (site);

-- The uid of the site that a room belongs to.
ALTER TABLE rooms ADD COLUMN site TEXT;
CREATE INDEX rooms_site ON rooms (site) WHERE site IS NOT NULL;
