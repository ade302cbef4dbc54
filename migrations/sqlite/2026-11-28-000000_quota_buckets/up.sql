-- The buckets of the quotas that are counted over all nodes: a keyed hash of what is counted, and when the bucket is full
-- again, in ms.
CREATE TABLE quota_buckets (
    key TEXT NOT NULL PRIMARY KEY,
    arrives_at BIGINT NOT NULL
);
