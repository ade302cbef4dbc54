//! The message at the top of a room: pinned, replaced, taken down, gone with what it was.

use super::Subject;
use crate::builders::display_name;
use domain::model::event::{EventKind, ModerationAction};
use domain::model::id::{MessageId, RoomId, Seq};
use domain::model::message::Message;
use domain::model::rank::Rank;
use domain::model::room::Room;
use domain::model::user::{Member, UserChange};
use domain::ports::log::{AppendError, LogCommand};
use std::sync::Arc;

impl Subject {
    async fn pinned(&self, room: &Room) -> Option<Message> {
        let read = self.rooms.room(&room.uid).await.unwrap().unwrap();
        for other in [
            self.rooms.room_by_id(room.id).await.unwrap().unwrap(),
            self.rooms.list(None, RoomId(room.id.0 - 1), 1).await.unwrap().pop().unwrap(),
            self.history.access_context(&room.uid, None, None, crate::builders::NOON).await.unwrap().unwrap().room,
            self.history.room_access(Some(&room.uid), crate::builders::NOON, 10).await.unwrap().unwrap().room.unwrap(),
        ] {
            assert_eq!(other, read, "every way to a room finds the same");
        }
        read.pinned.as_deref().cloned()
    }
}

fn pin(message: &Message) -> LogCommand {
    LogCommand::Pin { message: message.id }
}

fn unpin(message: &Message) -> LogCommand {
    LogCommand::Unpin { message: message.id }
}

fn with(room: &Room, pinned: Option<&Message>) -> Box<Room> {
    Box::new(Room { pinned: pinned.map(|message| Arc::new(message.clone())), ..room.clone() })
}

/// One message is at the top: the last that was pinned, until it is taken down.
pub async fn a_pinned_message_is_at_the_top_until_another_is(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let bob = subject.user("bob").await;
    let (one, two) = (subject.post(lobby.id, &bob, "one").await, subject.post(lobby.id, &ann, "two").await);
    assert_eq!(subject.pinned(&lobby).await, None);
    let event = subject.done(lobby.id, &ann, pin(&one)).await;
    assert_eq!(event.kind, EventKind::Pinned { message: one.id, room: with(&lobby, Some(&one)) });
    assert_eq!(subject.pinned(&lobby).await.as_ref(), Some(&one));
    let event = subject.done(lobby.id, &ann, pin(&two)).await;
    assert_eq!(event.kind, EventKind::Pinned { message: two.id, room: with(&lobby, Some(&two)) });
    assert_eq!(subject.pinned(&lobby).await.as_ref(), Some(&two));
    let last = subject.event_range(lobby.id, Seq(3)).await.events;
    assert_eq!(last, [event], "what is read is what was published");
    let event = subject.done(lobby.id, &ann, unpin(&two)).await;
    assert_eq!(event.kind, EventKind::Unpinned { message: two.id, room: with(&lobby, None) });
    assert_eq!(subject.pinned(&lobby).await, None);
    assert_eq!(subject.event_range(lobby.id, Seq(4)).await.events, [event]);
    assert_eq!(subject.texts(lobby.id).await, ["one", "two"], "pinning moves no message");
}

/// What is deleted or purged is not at the top any more, and nothing else comes back instead.
pub async fn what_is_gone_is_pinned_no_more(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let bob = subject.user("bob").await;
    let by_bob = LogCommand::Purge { author: Some(Box::new(bob.clone())) };
    let by_ann = LogCommand::Purge { author: Some(Box::new(ann.clone())) };
    let first = subject.post(lobby.id, &bob, "first").await;
    subject.done(lobby.id, &ann, pin(&first)).await;
    let message = subject.post(lobby.id, &bob, "second").await;
    subject.done(lobby.id, &ann, pin(&message)).await;
    subject.done(lobby.id, &ann, by_ann).await;
    assert_eq!(subject.pinned(&lobby).await.as_ref(), Some(&message), "it is somebody else's");
    subject.done(lobby.id, &ann, LogCommand::Delete { message: message.id }).await;
    assert_eq!(subject.pinned(&lobby).await, None);
    for purge in [by_bob, LogCommand::Purge { author: None }] {
        let message = subject.post(lobby.id, &bob, "again").await;
        subject.done(lobby.id, &ann, pin(&message)).await;
        assert_eq!(subject.pinned(&lobby).await.as_ref(), Some(&message));
        subject.done(lobby.id, &ann, purge).await;
        assert_eq!(subject.pinned(&lobby).await, None);
        let again = subject.act(lobby.id, &ann, unpin(&message)).await;
        assert!(matches!(again, Err(AppendError::Missing)), "{again:?}");
    }
}

/// Only what stands in the room is pinned there, and only what is pinned is taken down.
pub async fn only_what_stands_in_the_room_is_pinned(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let (other, bob) = subject.room("other", "bob").await;
    let here = subject.post(lobby.id, &ann, "here").await;
    let elsewhere = subject.post(other.id, &bob, "elsewhere").await;
    let gone = subject.post(lobby.id, &ann, "gone").await;
    subject.done(lobby.id, &ann, LogCommand::Delete { message: gone.id }).await;
    let nothing = LogCommand::Pin { message: MessageId(4_000_000) };
    for command in [pin(&elsewhere), pin(&gone), nothing, unpin(&here), unpin(&elsewhere)] {
        let refused = subject.act(lobby.id, &ann, command.clone()).await;
        assert!(matches!(refused, Err(AppendError::Missing)), "{command:?} gave {refused:?}");
    }
    assert_eq!(subject.pinned(&lobby).await, None);
    assert_eq!(subject.event_range(lobby.id, Seq::ZERO).await.head.seq, Seq(3));
}

/// Whoever wrote what is at the top is shown as they are now.
pub async fn a_pinned_author_is_shown_as_they_are_now(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let bob = subject.user("bob").await;
    let message = subject.post(lobby.id, &bob, "hi").await;
    subject.done(lobby.id, &ann, pin(&message)).await;
    let to = Member { user: bob.clone(), room_rank: Some(Rank::Mod), site_rank: None };
    subject.done(lobby.id, &ann, LogCommand::Appoint { subject: Box::new(to), action: ModerationAction::Mod }).await;
    let change = UserChange { display_name: Some(display_name("Queen")), ..UserChange::default() };
    let user = subject.accounts.update(bob.id, change).await.unwrap().unwrap();
    let author = Member { user, room_rank: Some(Rank::Mod), site_rank: None };
    assert_eq!(subject.pinned(&lobby).await.map(|pinned| pinned.author), Some(author));
}
