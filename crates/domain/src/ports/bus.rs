//! Telling the nodes what was committed. The bus saves time and carries no truth: what it loses is read from the store.

use crate::model::event::Event;
use crate::model::id::{SessionId, UserId};
use crate::model::user::User;

/// What concerns people rather than a room's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// These logins are over: their sockets close.
    SessionsEnded(Vec<SessionId>),
    /// Somebody has another name, picture or global rank.
    UserChanged(Box<User>),
    /// Somebody is gone: all sockets close.
    UserDeleted(UserId),
}

/// Tells whoever serves viewers. Called by the store after the commit, whether or not the caller still waits.
pub trait Bus: Send + Sync {
    /// Hands on events, each room's in the order of their seq. Never waits and never fails; it may lose, repeat or delay.
    fn publish(&self, events: Vec<Event>);

    /// Hands on a notice, under the same terms.
    fn announce(&self, notice: Notice);
}
