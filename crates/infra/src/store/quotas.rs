//! The buckets of the quotas that all nodes share.

use crate::adapters::secret::Key;
use crate::db::access::Db;
use crate::db::conn::{AnyConn, on_backend};
use crate::db::error::DbError;
use crate::db::schema::quota_buckets::{self, arrives_at, key};
use crate::store::bounded;
use async_trait::async_trait;
use diesel::prelude::*;
use diesel::upsert::excluded;
use domain::bucket::{Rate, Withdrawal, decide};
use domain::model::time::{Span, Timestamp};
use domain::ports::effects::Charge;
use domain::ports::store::{QuotaStore, StoreError};
use std::collections::HashMap;
use std::sync::Arc;

/// The arrival time of a row that was made only to be locked: long before any that was charged.
const FULL: i64 = 0;

/// The buckets of a database.
pub struct SqlQuotas {
    db: Arc<Db>,
    secret: Key,
}

impl SqlQuotas {
    /// The buckets of `db`, under hashes of their keys by `secret`: who was counted cannot be read, nor found by trying names.
    pub fn new(db: Arc<Db>, secret: Key) -> SqlQuotas {
        SqlQuotas { db, secret }
    }

    fn key_of(&self, charge: &Charge<'_>) -> String {
        // No address is as long, so that no hash of one is the hash of a bucket.
        self.secret.hash(format!("quota {} {} {}", charge.quota.as_str(), charge.allowance, charge.key).as_bytes())
    }
}

#[async_trait]
impl QuotaStore for SqlQuotas {
    async fn charge(&self, charges: &[(Charge<'_>, Rate)], now: Timestamp) -> Result<Result<(), Span>, StoreError> {
        let bucket = |(charge, rate): &(Charge<'_>, Rate)| {
            (self.key_of(charge), Withdrawal { rate: *rate, amount: charge.amount, arrives_at: None })
        };
        let mut buckets: Vec<(String, Withdrawal)> = charges.iter().map(bucket).collect();
        // All nodes lock them in this order, so that none waits for another that waits for it.
        buckets.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        self.db.write_volatile(move |conn| charge(conn, buckets, now)).await
    }

    async fn forget_full(
        &self,
        full_before: Timestamp,
        after: &str,
        limit: usize,
    ) -> Result<(usize, Option<String>), StoreError> {
        let after = after.to_owned();
        self.db.delete_then(move |conn| forget_full(conn, full_before, &after, limit), |_| {}).await
    }
}

fn charge(
    conn: &mut AnyConn,
    mut buckets: Vec<(String, Withdrawal)>,
    now: Timestamp,
) -> Result<Result<(), Span>, DbError> {
    let keys: Vec<&str> = buckets.iter().map(|(bucket, _)| bucket.as_str()).collect();
    let held = lock(conn, &keys)?;
    for (bucket, withdrawal) in &mut buckets {
        withdrawal.arrives_at = held.get(bucket).map(|held| Timestamp(*held));
    }
    let withdrawals: Vec<Withdrawal> = buckets.iter().map(|(_, withdrawal)| *withdrawal).collect();
    let decision = decide(&withdrawals, now);
    let (mut charged, mut unneeded) = (Vec::new(), Vec::new());
    for ((bucket, _), arrival) in buckets.iter().zip(decision.arrives_at) {
        match arrival {
            Some(arrival) => charged.push((bucket.clone(), arrival.0)),
            None if held.get(bucket) == Some(&FULL) => unneeded.push(bucket),
            None => {}
        }
    }
    if !charged.is_empty() {
        put(conn, charged)?;
    }
    if !unneeded.is_empty() {
        diesel::delete(quota_buckets::table.filter(key.eq_any(unneeded))).execute(conn)?;
    }
    Ok(decision.answer)
}

/// The arrival times of these buckets (ascending keys), which nobody else charges until the transaction ends.
fn lock(conn: &mut AnyConn, keys: &[&str]) -> Result<HashMap<String, i64>, DbError> {
    let rows: Vec<(String, i64)> = match conn {
        // An update of every row, to itself, is a lock that those rows have too which are made by it.
        AnyConn::Pg(c) => {
            let rows: Vec<_> = keys.iter().map(|bucket| (key.eq(*bucket), arrives_at.eq(FULL))).collect();
            diesel::insert_into(quota_buckets::table)
                .values(rows)
                .on_conflict(key)
                .do_update()
                .set(arrives_at.eq(arrives_at))
                .returning((key, arrives_at))
                .get_results(c)?
        }
        // Nobody else writes meanwhile.
        AnyConn::Sqlite(c) => quota_buckets::table.filter(key.eq_any(keys)).select((key, arrives_at)).load(c)?,
    };
    Ok(rows.into_iter().collect())
}

/// Sets the arrival times of buckets.
fn put(conn: &mut AnyConn, buckets: Vec<(String, i64)>) -> Result<(), DbError> {
    let rows: Vec<_> = buckets.into_iter().map(|(bucket, arrival)| (key.eq(bucket), arrives_at.eq(arrival))).collect();
    on_backend!(conn, |c| {
        let rows = diesel::insert_into(quota_buckets::table).values(rows);
        rows.on_conflict(key).do_update().set(arrives_at.eq(excluded(arrives_at))).execute(c)
    })?;
    Ok(())
}

/// See [`QuotaStore::forget_full`].
fn forget_full(
    conn: &mut AnyConn,
    full_before: Timestamp,
    after: &str,
    limit: usize,
) -> Result<(usize, Option<String>), DbError> {
    let above = quota_buckets::table.filter(key.gt(after)).order(key).limit(bounded(limit));
    let seen = above.select((key, arrives_at)).load::<(String, i64)>(conn)?;
    let full = seen.iter().filter(|(_, arrival)| *arrival < full_before.0).map(|(bucket, _)| bucket);
    // Asked again: some may have been charged meanwhile.
    let still_full = quota_buckets::table.filter(key.eq_any(full)).filter(arrives_at.lt(full_before.0));
    let still_full = still_full.order(key).limit(bounded(limit)).select(key);
    let unused: Vec<String> = match conn {
        AnyConn::Pg(c) => still_full.for_update().skip_locked().load(c)?,
        AnyConn::Sqlite(c) => still_full.load(c)?,
    };
    let forgotten = diesel::delete(quota_buckets::table.filter(key.eq_any(unused))).execute(conn)?;
    let last = seen.last().map(|(bucket, _)| bucket.clone());
    Ok((forgotten, last.filter(|_| seen.len() as i64 == bounded(limit))))
}
