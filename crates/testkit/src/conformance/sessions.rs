//! Logins and tickets.

use super::Subject;
use crate::builders::{NOON, display_name, give, later, sanction, user, username};
use crate::hasher::PlainHasher;
use domain::model::id::{RoomId, SessionId};
use domain::model::rank::Rank;
use domain::model::sanction::SanctionKind;
use domain::model::session::Session;
use domain::model::user::{Member, NewPassword, PasswordHash, User, UserChange};
use domain::ports::bus::Notice;
use domain::ports::store::{Deletion, StoreError};
use std::future::Future;

const NOBODYS: SessionId = SessionId(4_000_000);

/// A login is found with its user.
pub async fn a_login_is_found_with_its_user(subject: Subject) {
    let ann = subject.user("ann").await;
    let session = subject.accounts.open_session(ann.id, NOON, later(60)).await.unwrap();
    assert_eq!((session.user, session.expires_at), (ann.id, later(60)));
    assert_eq!(subject.accounts.session(session.id, NOON).await.unwrap(), Some((session, ann)));
    assert_eq!(subject.accounts.session(NOBODYS, NOON).await.unwrap(), None);
}

/// It holds up to the instant of its end, and not beyond.
pub async fn a_login_ends_by_time(subject: Subject) {
    let ann = subject.user("ann").await;
    let session = subject.accounts.open_session(ann.id, NOON, later(60)).await.unwrap();
    assert!(subject.accounts.session(session.id, later(60)).await.unwrap().is_some());
    assert_eq!(subject.accounts.session(session.id, later(61)).await.unwrap(), None);
}

/// Sliding moves the end, and wakes nothing that was ended.
pub async fn a_login_in_use_slides(subject: Subject) {
    let ann = subject.user("ann").await;
    let session = subject.accounts.open_session(ann.id, NOON, later(60)).await.unwrap();
    subject.accounts.slide_session(session.id, later(600)).await.unwrap();
    let (slid, _) = subject.accounts.session(session.id, later(300)).await.unwrap().unwrap();
    assert_eq!(slid, Session { expires_at: later(600), ..session.clone() });

    subject.accounts.end_session(session.id).await.unwrap();
    subject.accounts.slide_session(session.id, later(6000)).await.unwrap();
    subject.accounts.slide_session(NOBODYS, later(6000)).await.unwrap();
    assert_eq!(subject.accounts.session(session.id, NOON).await.unwrap(), None);
}

/// Ending it a second time finds nothing.
pub async fn a_login_is_ended_once(subject: Subject) {
    let ann = subject.user("ann").await;
    let session = subject.accounts.open_session(ann.id, NOON, later(60)).await.unwrap();
    assert!(subject.accounts.end_session(session.id).await.unwrap());
    assert!(!subject.accounts.end_session(session.id).await.unwrap());
    assert!(!subject.accounts.end_session(NOBODYS).await.unwrap());
    assert_eq!(subject.accounts.session(session.id, NOON).await.unwrap(), None);
    assert_eq!(subject.ended(), [[session.id]]);
}

impl Subject {
    /// Logins that go on until a minute after noon.
    async fn logins<const N: usize>(&self, users: [&User; N]) -> Vec<SessionId> {
        let mut open = Vec::new();
        for user in users {
            open.push(self.accounts.open_session(user.id, NOON, later(60)).await.unwrap().id);
        }
        open
    }

    async fn alive(&self, logins: &[SessionId]) -> Vec<SessionId> {
        let mut alive = self.accounts.alive(logins, NOON).await.unwrap();
        alive.sort_by_key(|id| logins.iter().position(|login| login == id));
        alive
    }

    /// The logins that were announced as ended, each announcement sorted.
    fn ended(&self) -> Vec<Vec<SessionId>> {
        let ended = |notice| match notice {
            Notice::SessionsEnded(mut ended) => {
                ended.sort();
                Some(ended)
            }
            _ => None,
        };
        self.bus.notices().into_iter().filter_map(ended).collect()
    }

    async fn hash(&self, name: &str) -> PasswordHash {
        self.accounts.credentials(&username(name)).await.unwrap().expect("somebody is called that").1
    }
}

fn sorted<const N: usize>(mut logins: [SessionId; N]) -> Vec<SessionId> {
    logins.sort();
    logins.to_vec()
}

fn new_password(password: &str, keep: Option<SessionId>) -> UserChange {
    let password = NewPassword { hash: PlainHasher::hash_of(password), keep };
    UserChange { password: Some(password), ..UserChange::default() }
}

/// All of one user's but one, and nobody else's; they are announced once, and another change ends none.
pub async fn a_new_password_ends_all_logins_but_one(subject: Subject) {
    let (ann, bob) = (subject.user("ann").await, subject.user("bob").await);
    let open = subject.logins([&ann, &ann, &ann, &bob]).await;
    subject.accounts.update(ann.id, new_password("the second", Some(open[1]))).await.unwrap().unwrap();
    assert_eq!(subject.alive(&open).await, [open[1], open[3]]);
    assert_eq!(subject.bus.notices().len(), 1, "nobody sees a password change");
    assert_eq!(subject.ended(), [sorted([open[0], open[2]])]);

    let renamed = UserChange { display_name: Some(display_name("Queen")), ..UserChange::default() };
    let renamed = subject.accounts.update(ann.id, renamed).await.unwrap().unwrap();
    assert_eq!(subject.alive(&open).await, [open[1], open[3]]);
    assert_eq!(subject.bus.notices().pop(), Some(Notice::UserChanged(Box::new(renamed))));

    subject.accounts.update(ann.id, new_password("the third", None)).await.unwrap().unwrap();
    assert_eq!(subject.alive(&open).await, [open[3]]);
    assert_eq!(subject.ended().pop(), Some(vec![open[1]]));
}

/// A change that is refused in one part is not done in another: the password stays, the logins go on, nobody is told.
pub async fn a_refused_change_keeps_the_password_and_the_logins(subject: Subject) {
    let (ann, _) = (subject.user("ann").await, subject.user("bob").await);
    let open = subject.logins([&ann, &ann]).await;
    let before = subject.hash("ann").await;
    let change = UserChange { display_name: Some(display_name("bob")), ..new_password("the second", None) };
    assert!(matches!(subject.accounts.update(ann.id, change).await, Err(StoreError::NameTaken)));
    assert_eq!(subject.hash("ann").await, before);
    assert_eq!(subject.alive(&open).await, open);
    assert!(subject.bus.is_silent());
}

/// Whoever goes away without the answer leaves no old login under a new password, and the announcement is made.
pub async fn a_password_change_that_nobody_waits_for_is_whole(subject: Subject) {
    let ann = subject.user("ann").await;
    for round in 0..10 {
        let open = subject.logins([&ann, &ann]).await;
        let password = format!("password {round}");
        let (accounts, change) = (subject.accounts.clone(), new_password(&password, None));
        let mut answer = Box::pin(async move { accounts.update(ann.id, change).await });
        // Polled once, then dropped.
        std::future::poll_fn(|context| {
            let _ = answer.as_mut().poll(context);
            std::task::Poll::Ready(())
        })
        .await;
        drop(answer);
        let changed = PlainHasher::hash_of(&password);
        let mut looks = 0;
        while subject.hash("ann").await != changed || subject.ended().len() <= round {
            looks += 1;
            assert!(looks < 100_000, "it was begun, and is done some time");
            tokio::task::yield_now().await;
        }
        assert_eq!(subject.alive(&open).await, []);
        assert_eq!(subject.ended()[round], sorted([open[0], open[1]]));
    }
}

/// A ban everywhere ends the user's logins and announces them; a ban of a room, a timeout and a refused ban do not.
pub async fn a_ban_everywhere_ends_the_logins(subject: Subject) {
    let root = user("chief").rank(Rank::Root).create(&*subject.accounts).await;
    let admin = user("adam_").rank(Rank::Admin).create(&*subject.accounts).await;
    let (lobby, owner) = subject.room("lobby", "olive").await;
    let (ann, bob) = (subject.user("ann").await, subject.user("bob").await);
    let open = subject.logins([&ann, &ann, &bob]).await;
    let to = Member::outside(ann.clone());
    subject.done(lobby.id, &owner, give(&to, sanction(SanctionKind::Ban, &ann, None))).await;
    subject.done(RoomId::SERVER, &root, give(&to, sanction(SanctionKind::Timeout, &ann, None))).await;
    assert_eq!(subject.alive(&open).await, open);
    assert!(subject.bus.notices().is_empty());

    let ban = give(&to, sanction(SanctionKind::Ban, &ann, None));
    subject.done(RoomId::SERVER, &root, ban.clone()).await;
    assert_eq!(subject.alive(&open).await, [open[2]]);
    assert_eq!(subject.ended(), [sorted([open[0], open[1]])]);

    let later = subject.logins([&ann]).await;
    assert!(subject.act(RoomId::SERVER, &admin, ban).await.is_err(), "root gave what is in force");
    assert_eq!(subject.alive(&later).await, later);
    assert_eq!(subject.bus.notices().len(), 1);
}

/// Of many logins, those are alive that neither ended nor expired.
pub async fn the_alive_of_many_logins_are_told(subject: Subject) {
    let ann = subject.user("ann").await;
    let mut open = Vec::new();
    for seconds in [10, 20, 30] {
        open.push(subject.accounts.open_session(ann.id, NOON, later(seconds)).await.unwrap().id);
    }
    subject.accounts.end_session(open[2]).await.unwrap();
    let asked = [open[0], open[1], open[2], NOBODYS];
    assert_eq!(subject.accounts.alive(&asked, later(20)).await.unwrap(), [open[1]]);
    assert_eq!(subject.accounts.alive(&[], later(20)).await.unwrap(), []);
}

/// The logins of a deleted user are over.
pub async fn a_deleted_users_logins_are_over(subject: Subject) {
    let ann = subject.user("ann").await;
    let session = subject.accounts.open_session(ann.id, NOON, later(60)).await.unwrap();
    assert_eq!(subject.accounts.delete(ann.id, NOON).await.unwrap(), Deletion::Done);
    assert_eq!(subject.accounts.delete(ann.id, NOON).await.unwrap(), Deletion::Gone);
    assert_eq!(subject.bus.notices(), [Notice::UserDeleted(ann.id)]);
    assert_eq!(subject.accounts.session(session.id, NOON).await.unwrap(), None);
    assert_eq!(subject.accounts.alive(&[session.id], NOON).await.unwrap(), []);
}

/// A ticket stands for its login once.
pub async fn a_ticket_is_taken_once(subject: Subject) {
    let ann = subject.user("ann").await;
    let session = subject.accounts.open_session(ann.id, NOON, later(600)).await.unwrap();
    subject.accounts.keep_ticket("print", session.id, NOON, later(60)).await.unwrap();
    subject.accounts.keep_ticket("other", session.id, NOON, later(60)).await.unwrap();
    assert_eq!(subject.accounts.take_ticket("PRINT", NOON).await.unwrap(), None);
    assert_eq!(subject.accounts.take_ticket("print", later(60)).await.unwrap(), Some(session.id));
    assert_eq!(subject.accounts.take_ticket("print", NOON).await.unwrap(), None);
    assert_eq!(subject.accounts.take_ticket("other", NOON).await.unwrap(), Some(session.id));
}

/// An expired ticket stands for nothing, and keeping another forgets it.
pub async fn a_ticket_expires(subject: Subject) {
    let ann = subject.user("ann").await;
    let session = subject.accounts.open_session(ann.id, NOON, later(600)).await.unwrap();
    subject.accounts.keep_ticket("late", session.id, NOON, later(60)).await.unwrap();
    assert_eq!(subject.accounts.take_ticket("late", later(61)).await.unwrap(), None);

    subject.accounts.keep_ticket("old", session.id, NOON, later(60)).await.unwrap();
    subject.accounts.keep_ticket("new", session.id, later(61), later(120)).await.unwrap();
    assert_eq!(subject.accounts.take_ticket("old", NOON).await.unwrap(), None, "it was forgotten");
    assert_eq!(subject.accounts.take_ticket("new", later(61)).await.unwrap(), Some(session.id));
}
