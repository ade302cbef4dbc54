//! What a read costs: rows, charged before the store is asked, to the network and to whoever reads.
//!
//! A page of history, a resume from far back and a list of people cost the server a thousand times what a ping costs, and
//! anybody may ask for them; so they are counted by what they read, not by how often they are asked for.

use crate::model::user::User;
use crate::ports::effects::{Quota, RateLimiter};
use crate::service::ClientInfo;
use crate::service::error::{Error, RateLimitKind};

/// A read that anybody may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadCost {
    /// A page of history, of at most so many messages.
    Page(usize),
    /// The latest messages for somebody who joins, at most so many. ReadCost once for all who join at the same moment.
    Snapshot(usize),
    /// Going on after this many events, of which at most so many are read.
    Resume {
        /// How many the client is behind.
        behind: i64,
        /// The most that is read.
        max: usize,
    },
    /// One message, room or user.
    One,
    /// A list of at most so many people.
    People(usize),
}

impl ReadCost {
    /// The most rows it reads, at least one.
    pub fn rows(self) -> u32 {
        let rows = match self {
            ReadCost::Page(limit) | ReadCost::People(limit) | ReadCost::Snapshot(limit) => limit,
            ReadCost::Resume { behind, max } => usize::try_from(behind).unwrap_or(0).min(max),
            ReadCost::One => 1,
        };
        u32::try_from(rows).unwrap_or(u32::MAX).max(1)
    }
}

/// Who reads: a user wherever they are, a socket without a login, or an anonymous request, which only its network counts for.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// Where the request comes from.
    pub client: &'a ClientInfo,
    /// The user, if logged in.
    pub user: Option<&'a User>,
    /// The number of the socket, if it is one.
    pub socket: Option<u64>,
}

impl Reader<'_> {
    /// Charges a read; [`Error::TooFast`] when there is not enough left.
    pub fn charge(&self, limiter: &dyn RateLimiter, read: ReadCost) -> Result<(), Error> {
        let rows = read.rows();
        let too_fast = |retry_after| Error::TooFast { pace: RateLimitKind::Other, retry_after };
        let key = match (self.user, self.socket) {
            (Some(user), _) => Some(user.uid.as_str().to_owned()),
            (None, Some(socket)) => Some(format!("socket {socket}")),
            (None, None) => None,
        };
        if let Some(key) = key {
            let quota = Quota::ReadOfClient;
            let charge = crate::ports::effects::Charge { quota, key: &key, amount: rows, allowance: 1 };
            limiter.charge(charge).map_err(too_fast)?;
        }
        self.client.charge(limiter, Quota::Read, rows).map_err(too_fast)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_costs_what_it_may_read() {
        for (read, rows) in [
            (ReadCost::Page(50), 50),
            (ReadCost::Snapshot(50), 50),
            (ReadCost::Resume { behind: 3, max: 500 }, 3),
            (ReadCost::Resume { behind: 1_000_000, max: 500 }, 500),
            (ReadCost::Resume { behind: -7, max: 500 }, 1),
            (ReadCost::One, 1),
            (ReadCost::People(200), 200),
        ] {
            assert_eq!(read.rows(), rows, "{read:?}");
        }
    }
}
