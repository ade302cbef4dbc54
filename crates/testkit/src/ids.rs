//! Ids that count instead of guessing.

use domain::model::id::{Epoch, RoomUid, SiteUid, UserUid};
use domain::ports::effects::Ids;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts from 1: `user000001`, `room00000002`, epoch 3 …, one counter for all kinds.
#[derive(Debug, Default)]
pub struct SeqIds(AtomicU64);

impl SeqIds {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

impl Ids for SeqIds {
    fn user_uid(&self) -> UserUid {
        UserUid::parse(&format!("user{:06}", self.next())).expect("below a million users")
    }

    fn room_uid(&self) -> RoomUid {
        RoomUid::parse(&format!("room{:08}", self.next())).expect("below a hundred million rooms")
    }

    fn site_uid(&self) -> SiteUid {
        SiteUid::parse(&format!("site{:04}", self.next())).expect("below ten thousand")
    }

    fn epoch(&self) -> Epoch {
        Epoch(i64::try_from(self.next()).expect("a small count"))
    }

    fn below(&self, bound: u32) -> u32 {
        u32::try_from(self.next() % u64::from(bound)).expect("below a u32")
    }

    fn secret(&self) -> String {
        format!("secret-{}", self.next())
    }
}
