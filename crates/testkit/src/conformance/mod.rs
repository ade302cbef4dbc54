//! What every store must do, as one suite for all of them.
//!
//! Each case is a claim about a [`Subject`]: `pub async fn two_posts_take_two_seqs(subject: Subject)`. A store runs them
//! all with one line, [`conformance_suite!`](crate::conformance_suite), and gets a test for each.
//!
//! A case makes what it needs through the ports and names no store. Cases share nothing: each gets a fresh store.

pub mod accounts;
pub mod history;
pub mod log;
pub mod races;
pub mod rooms;

use crate::builders::{self, NOON};
use crate::bus::RecordingBus;
use domain::model::event::Event;
use domain::model::id::{RoomId, Seq};
use domain::model::message::{Draft, Message};
use domain::model::room::Room;
use domain::model::time::Timestamp;
use domain::model::user::{Member, User};
use domain::ports::log::{Act, AppendError, Appended, Entry, From, History, Log, Stretch};
use domain::ports::store::{Accounts, Health, Rooms};
use std::sync::Arc;

/// A fresh, empty store under test: its ports, and the bus it publishes to.
#[derive(Clone)]
pub struct Subject {
    /// Users and logins.
    pub accounts: Arc<dyn Accounts>,
    /// Rooms and ranks.
    pub rooms: Arc<dyn Rooms>,
    /// Appending.
    pub log: Arc<dyn Log>,
    /// Reading.
    pub history: Arc<dyn History>,
    /// Whether it is there.
    pub health: Arc<dyn Health>,
    /// What the store publishes to, and nobody else.
    pub bus: Arc<RecordingBus>,
}

impl Subject {
    /// A registered user of that name.
    pub async fn user(&self, name: &str) -> User {
        builders::user(name).create(&*self.accounts).await
    }

    /// A guest of that name.
    pub async fn guest(&self, name: &str) -> User {
        builders::user(name).guest().create(&*self.accounts).await
    }

    /// A room of that name and its maker, called `owner`.
    pub async fn room(&self, name: &str, owner: &str) -> (Room, User) {
        let owner = self.user(owner).await;
        (builders::room(name).create(&*self.rooms, &owner).await, owner)
    }

    /// `user` with the rank held in `room` now.
    pub async fn member(&self, room: RoomId, user: &User) -> Member {
        let mut members = self.rooms.members(room, &[user.id]).await.expect("a store that works");
        members.pop().expect("the user is there")
    }

    /// Appends `act` by `user` at [`NOON`].
    pub async fn act(&self, room: RoomId, user: &User, act: Act) -> Result<Appended, AppendError> {
        self.act_at(NOON, room, user, act).await
    }

    /// Appends `act` by `user` at that time.
    pub async fn act_at(&self, at: Timestamp, room: RoomId, user: &User, act: Act) -> Result<Appended, AppendError> {
        let actor = self.member(room, user).await;
        self.log.append(Entry { room, actor, at, act }).await
    }

    /// Appends something else than a post, which must succeed.
    pub async fn done(&self, room: RoomId, user: &User, act: Act) -> Event {
        match self.act(room, user, act).await.expect("it is allowed") {
            Appended::Done(event) => event,
            posted => panic!("not a post: {posted:?}"),
        }
    }

    /// Posts `draft`, which must succeed; the message, and whether it stood there already.
    pub async fn post_draft(&self, room: RoomId, user: &User, draft: Draft) -> (Message, bool) {
        match self.act(room, user, builders::post(draft)).await.expect("it is allowed") {
            Appended::Posted { message, repeated } => (*message, repeated),
            done => panic!("a post: {done:?}"),
        }
    }

    /// Posts `text`, which must succeed.
    pub async fn post(&self, room: RoomId, user: &User, text: &str) -> Message {
        self.post_draft(room, user, builders::draft(text)).await.0
    }

    /// Posts `1`, `2` … up to `count`.
    pub async fn post_many(&self, room: RoomId, user: &User, count: usize) -> Vec<Message> {
        let mut messages = Vec::new();
        for number in 1..=count {
            messages.push(self.post(room, user, &number.to_string()).await);
        }
        messages
    }

    /// The texts that stand in a room, ascending.
    pub async fn texts(&self, room: RoomId) -> Vec<String> {
        let (messages, more) = self.history.messages(room, From::End, 10_000).await.expect("a store that works");
        assert!(!more, "there are fewer than ten thousand");
        texts(&messages)
    }

    /// All that lies after `since`.
    pub async fn stretch(&self, room: RoomId, since: Seq) -> Stretch {
        let stretch = self.history.stretch(room, since, 10_000).await.expect("a store that works");
        let stretch = stretch.expect("the log is there");
        assert!(!stretch.cut, "there are fewer than ten thousand");
        stretch
    }
}

/// The texts of `messages`.
pub fn texts(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|message| message.text.to_string()).collect()
}

/// The seqs of `events`.
pub fn seqs(events: &[Event]) -> Vec<i64> {
    events.iter().map(|event| event.seq.0).collect()
}

/// Eight threads, so that what can race does.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(8).enable_all().build().expect("a runtime starts")
}

/// Makes one `#[test]` of every case, in a module per part, so that a failure names its case.
///
/// `make` is an async function in scope that gives a fresh store and something to keep alive until the case is over:
/// `async fn make() -> Option<(Subject, Guard)>`. `None` says that the store cannot be had on this machine; the case is
/// skipped then. It runs inside a multi-threaded tokio runtime.
#[macro_export]
macro_rules! conformance_suite {
    ($make:ident) => {
        $crate::conformance_cases! { $make
            accounts {
                a_user_is_found_by_id_and_by_uid,
            }
            log {
                seqs_count_from_one_without_gaps,
            }
        }
    };
}

/// The other half of [`conformance_suite!`](crate::conformance_suite).
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_cases {
    ($make:ident $($part:ident { $($case:ident),+ $(,)? })+) => {$(
        mod $part {
            use super::*;

            $(
                #[test]
                fn $case() {
                    let runtime = $crate::conformance::runtime();
                    runtime.block_on(async {
                        let Some((subject, guard)) = $make().await else { return };
                        $crate::conformance::$part::$case(subject).await;
                        drop(guard);
                    });
                }
            )+
        }
    )+};
}
