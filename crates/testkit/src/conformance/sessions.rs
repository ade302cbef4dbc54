//! Logins and tickets.

use super::Subject;
use crate::builders::{NOON, later};
use domain::model::id::SessionId;
use domain::model::session::Session;

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
}

/// All of one user's but one are ended, and nobody else's.
pub async fn all_logins_but_one_are_ended(subject: Subject) {
    let (ann, bob) = (subject.user("ann").await, subject.user("bob").await);
    let mut open = Vec::new();
    for user in [&ann, &ann, &ann, &bob] {
        open.push(subject.accounts.open_session(user.id, NOON, later(60)).await.unwrap().id);
    }
    let mut ended = subject.accounts.end_sessions(ann.id, Some(open[1])).await.unwrap();
    ended.sort();
    let mut expected = [open[0], open[2]];
    expected.sort();
    assert_eq!(ended, expected);
    let mut alive = subject.accounts.alive(&open, NOON).await.unwrap();
    alive.sort();
    let mut expected = [open[1], open[3]];
    expected.sort();
    assert_eq!(alive, expected);
    assert_eq!(subject.accounts.end_sessions(ann.id, None).await.unwrap(), [open[1]]);
    assert_eq!(subject.accounts.end_sessions(ann.id, None).await.unwrap(), []);
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
    subject.accounts.delete(ann.id).await.unwrap();
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
