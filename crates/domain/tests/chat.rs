//! Saying something, reading what was said, taking it back.
#![expect(clippy::expect_used, reason = "helpers of tests: what is not there fails the test")]

mod support;

use domain::model::event::{EventKind, ModerationAction};
use domain::model::id::{RoomUid, Seq};
use domain::model::message::MessageKind;
use domain::model::rank::Rank;
use domain::model::sanction::SanctionKind;
use domain::model::time::{Duration, Span};
use domain::policy::Denied;
use domain::ports::readers::Position;
use domain::service::chat::NewMessage;
use domain::service::error::{Error, RateLimitKind, Resource};
use domain::service::rooms::RoomEdit;
use domain::service::{Caller, Settings};
use support::{NO_MESSAGE, Outcome, SETTINGS, Typed, World, message, seconds};
use testkit::faulty::Fault;

async fn world_with_room() -> (World, Caller, RoomUid) {
    let world = World::new();
    let owner = world.person("olive").await;
    let room = world.room(&owner).await;
    (world, owner, room)
}

async fn configure(world: &World, owner: &Caller, room: &RoomUid, edit: RoomEdit) {
    world.services.rooms.configure(owner, room, edit).await.expect("the owner may");
    world.bus.clear();
}

async fn slow(world: &World, owner: &Caller, room: &RoomUid, seconds: i64) {
    configure(world, owner, room, RoomEdit { slow_mode: Some(seconds), ..RoomEdit::default() }).await;
}

#[tokio::test]
async fn what_is_said_stands_in_the_log_and_is_told() {
    let (world, _, room) = world_with_room().await;
    let guest = world.guest("a").await;
    let said = world.post(&guest, &room, " hello 🦊 ").await;
    assert_eq!((said.seq, said.text.as_str(), &said.author.user), (Seq(1), "hello 🦊", &guest.user));
    assert_eq!(world.bus.drain(), [EventKind::Posted(Box::new(said))]);
    assert_eq!(world.texts(&room).await, ["hello 🦊"]);
}

#[tokio::test]
async fn a_message_is_in_line_before_the_answers_to_those_before_it() {
    let (world, owner, room) = world_with_room().await;
    world.faults.always("log.append", Fault::Hold);
    let before = world.faults.calls("log.append");
    let mut postings = Vec::new();
    for text in ["one", "two", "three"] {
        let new = NewMessage { text, kind: MessageKind::Say, nonce: None, reply_to: None };
        postings.push(world.services.chat.enqueue(Some(&owner), Some(&room), new).await);
    }
    assert_eq!(world.faults.calls("log.append"), before + 3);
    world.faults.release();
    for (posting, text) in postings.into_iter().zip(["one", "two", "three"]) {
        assert_eq!(posting.await.unwrap().text.as_str(), text);
    }
    assert_eq!(world.texts(&room).await, ["one", "two", "three"]);
}

#[tokio::test]
async fn writing_takes_a_login_and_a_room_that_is_there() {
    let (world, owner, room) = world_with_room().await;
    let sent = || Typed { text: "hi".to_owned(), ..Typed::default() };
    let nowhere = RoomUid::parse("nowhere00000").expect("a uid");
    refused!(world.type_in(None, Some(&room), sent()).await, Error::LoginRequired);
    refused!(world.type_in(Some(&owner), None, sent()).await, Error::NoRoom);
    refused!(world.type_in(Some(&owner), Some(&nowhere), sent()).await, Error::NoSuch(Resource::Room));
    assert!(world.bus.is_silent());
}

#[tokio::test]
async fn a_text_that_is_none_is_refused() {
    let (world, owner, room) = world_with_room().await;
    let long = "x".repeat(501);
    for bad in ["", "  \n ", "\u{200b}", "a\u{0}b", "\u{202e}", &long] {
        refused!(world.say(&owner, &room, bad).await, Error::Invalid(invalid) if invalid.field == "message");
    }
    refused!(world.say_named(&owner, &room, "hi", "").await, Error::Invalid(i) if i.field == "nonce");
    refused!(world.say_named(&owner, &room, "hi", &"n".repeat(65)).await, Error::Invalid(i) if i.field == "nonce");
    assert!(world.bus.is_silent());
}

#[tokio::test]
async fn a_room_may_allow_shorter_messages_only() {
    let (world, owner, room) = world_with_room().await;
    configure(&world, &owner, &room, RoomEdit { max_length: Some(5), ..RoomEdit::default() }).await;
    let guest = world.guest("a").await;
    world.post(&guest, &room, "🦊🦊🦊🦊🦊").await;
    refused!(world.say(&guest, &room, "sixsix").await, Error::TooLong { max: 5 });
    refused!(world.say(&owner, &room, "sixsix").await, Error::TooLong { max: 5 });
    // One cluster, drawn as a hundred: joined, or letters that make one syllable by the rules of their script.
    refused!(world.say(&guest, &room, &["🦊"; 100].join("\u{200d}")).await, Error::TooLong { max: 5 });
    refused!(world.say(&guest, &room, &"\u{1100}".repeat(100)).await, Error::TooLong { max: 5 });
}

#[tokio::test]
async fn lines_beyond_the_rooms_are_joined_and_nothing_is_lost() {
    let (world, owner, room) = world_with_room().await;
    let guest = world.guest("a").await;
    let flood = world.post(&guest, &room, &"x\n".repeat(100)).await;
    assert_eq!(flood.text.as_str().lines().count(), 12, "the default");
    configure(&world, &owner, &room, RoomEdit { max_lines: Some(2), ..RoomEdit::default() }).await;
    assert_eq!(world.post(&owner, &room, "a\nb\nc\n\nd").await.text.as_str(), "a\nb c d");
}

#[tokio::test]
async fn a_room_for_members_is_read_by_accounts_and_the_appointed_alone() {
    let (world, owner, room) = world_with_room().await;
    world.post(&owner, &room, "hi").await;
    let (ann, guest) = (world.person("ann").await, world.guest("a").await);
    let read = async |caller| world.services.chat.history(caller, &room, None, Position::End, 10).await;
    read(None).await.unwrap();
    configure(&world, &owner, &room, RoomEdit { readers: Some("members".to_owned()), ..RoomEdit::default() }).await;
    refused!(read(None).await, Error::LoginRequired);
    refused!(world.services.rooms.moderators(None, &room).await, Error::LoginRequired);
    refused!(world.services.rooms.moderators(Some(&guest), &room).await, Error::Denied(_));
    assert_eq!(world.services.rooms.abilities(Some(&guest), &room).await.unwrap().capabilities, []);
    world.services.rooms.moderators(Some(&ann), &room).await.unwrap();
    refused!(read(Some(&guest)).await, Error::Denied(Denied::Rank { least: Rank::Registered }));
    read(Some(&ann)).await.unwrap();
    refused!(world.say(&guest, &room, "let me in").await, Error::Denied(Denied::Rank { least: Rank::Registered }));
    world.services.rooms.appoint(&owner, &room, &guest.user.uid, ModerationAction::Vip).await.unwrap();
    read(Some(&guest)).await.unwrap();
}

#[tokio::test]
async fn a_room_may_allow_no_links_but_from_moderators() {
    let (world, owner, room) = world_with_room().await;
    configure(&world, &owner, &room, RoomEdit { links: Some(false), ..RoomEdit::default() }).await;
    let ann = world.person("ann").await;
    refused!(world.say(&ann, &room, "see example.org/x").await, Error::LinkRefused { host } if host == "example.org");
    world.post(&ann, &room, "see you...later").await;
    world.post(&owner, &room, "see example.org/x").await;
}

#[tokio::test]
async fn an_answer_names_a_message_of_the_room() {
    let (world, owner, room) = world_with_room().await;
    let other = world.room(&owner).await;
    let question = world.post(&owner, &room, "why?").await;
    let answer = |to| Typed { text: "because".to_owned(), nonce: None, reply_to: Some(to) };
    assert_eq!(message(world.send(&owner, &room, answer(question.id)).await).reply_to, Some(question.id));
    refused!(world.send(&owner, &other, answer(question.id)).await, Error::NoSuch(Resource::Message));
    refused!(world.send(&owner, &room, answer(NO_MESSAGE)).await, Error::NoSuch(Resource::Message));
}

#[tokio::test]
async fn slow_mode_holds_for_all_below_moderator() {
    let (world, owner, room) = world_with_room().await;
    slow(&world, &owner, &room, 10).await;
    for (rank, caller) in world.ranks(&owner, &room).await {
        world.post(&caller, &room, &format!("first of {rank:?}")).await;
        let second = world.say(&caller, &room, &format!("second of {rank:?}")).await;
        if rank >= Rank::Mod {
            message(second);
        } else {
            let full = Span::seconds(10);
            refused!(second, Error::TooFast { pace: RateLimitKind::SlowMode, retry_after } if retry_after == full);
        }
    }
    world.clock.advance(Span::millis(9999));
    let guest = world.guest("guest").await;
    let last = Span::millis(1);
    refused!(world.say(&guest, &room, "x").await, Error::TooFast { retry_after, .. } if retry_after == last);
    world.clock.advance(last);
    world.post(&guest, &room, "at last").await;
}

#[tokio::test]
async fn slow_mode_is_not_escaped_by_deleting() {
    let (world, owner, room) = world_with_room().await;
    slow(&world, &owner, &room, 10).await;
    let ann = world.person("ann").await;
    let first = world.post(&ann, &room, "first").await;
    world.services.chat.delete(&ann, first.id).await.expect("one's own");
    refused!(world.say(&ann, &room, "second").await, Error::TooFast { pace: RateLimitKind::SlowMode, .. });
}

#[tokio::test]
async fn the_store_keeps_slow_mode_when_two_were_told_yes() {
    // Both have read a access without a last post when the first is written: the guard inside decides.
    let (world, owner, room) = world_with_room().await;
    slow(&world, &owner, &room, 10).await;
    let ann = world.person("ann").await;
    world.faults.nth("log.append", 1, Fault::Hold);
    let (held, passed) = tokio::join!(world.say(&ann, &room, "one"), async {
        let passed = world.say(&ann, &room, "two").await;
        world.faults.release();
        passed
    });
    message(passed);
    refused!(held, Error::TooFast { pace: RateLimitKind::SlowMode, .. });
    assert_eq!(world.texts(&room).await, ["two"]);
}

#[tokio::test]
async fn a_ban_between_the_look_and_the_write_is_kept() {
    let (world, owner, room) = world_with_room().await;
    let ann = world.person("ann").await;
    world.faults.nth("log.append", 1, Fault::Hold);
    let (held, ()) = tokio::join!(world.say(&ann, &room, "too late"), async {
        world.ban(&owner, Some(&room), &ann).await;
        world.faults.release();
    });
    refused!(held, Error::Sanctioned { kind: SanctionKind::Ban, .. });
    assert!(world.texts(&room).await.is_empty());
}

#[tokio::test]
async fn a_ban_of_the_network_between_the_look_and_the_write_is_kept() {
    let (world, owner, room) = world_with_room().await;
    let (culprit, ann) = (world.guest("school").await, world.person("ann").await);
    let ann = Caller { network: culprit.network.clone(), ..ann };
    world.faults.nth("log.append", 1, Fault::Hold);
    let (held, ()) = tokio::join!(world.say(&ann, &room, "too late"), async {
        world.ban(&owner, Some(&room), &culprit).await;
        world.faults.release();
    });
    refused!(held, Error::Sanctioned { kind: SanctionKind::Ban, .. });
}

#[tokio::test]
async fn a_flood_is_stopped_in_its_room_and_moderators_are_exempt() {
    let world = World::limited();
    let owner = world.person("olive").await;
    let (room, other) = (world.room(&owner).await, world.room(&owner).await);
    let ann = world.person("ann").await;
    for number in 0..10 {
        world.post(&ann, &room, &number.to_string()).await;
    }
    let result = world.say(&ann, &room, "one more").await;
    refused!(result, Error::TooFast { pace: RateLimitKind::Flood, retry_after } if retry_after == Span::seconds(1));
    world.post(&ann, &other, "elsewhere").await;
    for number in 0..30 {
        world.post(&owner, &room, &number.to_string()).await;
    }
}

#[tokio::test]
async fn the_same_text_twice_is_refused_for_half_a_minute() {
    let (world, owner, room) = world_with_room().await;
    let ann = world.person("ann").await;
    world.post(&ann, &room, "buy!").await;
    world.clock.advance(Span::seconds(10));
    let left = Span::seconds(20);
    refused!(world.say(&ann, &room, " buy! ").await, Error::TooFast { pace: RateLimitKind::Repeated, retry_after } if retry_after == left);
    world.post(&owner, &room, "buy!").await;
    world.post(&owner, &room, "buy!").await;
    world.clock.advance(left);
    world.post(&ann, &room, "buy!").await;
    world.post(&ann, &room, "or not").await;
    world.post(&ann, &room, "buy!").await;
}

#[tokio::test]
async fn without_limits_repeats_pass_and_slow_mode_does_not() {
    let world = World::with(Settings { limits: false, ..SETTINGS });
    let owner = world.person("olive").await;
    let room = world.room(&owner).await;
    let ann = world.person("ann").await;
    world.post(&ann, &room, "again").await;
    world.post(&ann, &room, "again").await;
    slow(&world, &owner, &room, 10).await;
    refused!(world.say(&ann, &room, "again").await, Error::TooFast { pace: RateLimitKind::SlowMode, .. });
}

#[tokio::test]
async fn a_nonce_is_answered_with_the_message_whatever_happened_since() {
    let (world, owner, room) = world_with_room().await;
    slow(&world, &owner, &room, 60).await;
    let ann = world.person("ann").await;
    let first = message(world.say_named(&ann, &room, "hi", "n").await);
    assert_eq!(message(world.say_named(&ann, &room, "hi", "n").await), first, "slow mode and repeats");
    world.ban(&owner, Some(&room), &ann).await;
    assert_eq!(message(world.say_named(&ann, &room, "hi", "n").await), first, "a ban");
    refused!(world.say_named(&ann, &room, "hi", "m").await, Error::Sanctioned { .. });
    assert_eq!(world.texts(&room).await, ["hi"]);
}

#[tokio::test]
async fn a_timeout_may_read_but_not_write_until_it_ends() {
    let (world, owner, room) = world_with_room().await;
    let ann = world.person("ann").await;
    world.sanction(&owner, Some(&room), &ann, SanctionKind::Timeout, seconds(60)).await.expect("the owner may");
    refused!(
        world.say(&ann, &room, "hi").await,
        Error::Sanctioned { kind: SanctionKind::Timeout, retry_after: Some(left), .. } if left == Span::seconds(60)
    );
    world.services.chat.history(Some(&ann), &room, None, Position::End, 10).await.expect("it may read");
    world.clock.advance(Span::millis(59_999));
    refused!(world.say(&ann, &room, "hi").await, Error::Sanctioned { .. });
    world.clock.advance(Span::millis(1));
    world.post(&ann, &room, "hi").await;
}

#[tokio::test]
async fn a_ban_may_neither_read_nor_write() {
    let (world, owner, room) = world_with_room().await;
    let ann = world.person("ann").await;
    let mine = world.post(&ann, &room, "mine").await;
    world.ban(&owner, Some(&room), &ann).await;
    refused!(world.say(&ann, &room, "hi").await, Error::Sanctioned { kind: SanctionKind::Ban, until: None, .. });
    let read = world.services.chat.history(Some(&ann), &room, None, Position::End, 10).await;
    refused!(read, Error::Sanctioned { kind: SanctionKind::Ban, .. });
    refused!(world.services.chat.delete(&ann, mine.id).await, Error::Sanctioned { .. });
}

#[tokio::test]
async fn history_is_read_in_pages_by_anybody() {
    let (world, owner, room) = world_with_room().await;
    for number in 1..=5 {
        world.post(&owner, &room, &number.to_string()).await;
    }
    for (from, expected, next) in [
        (Position::End, vec!["4", "5"], Some(Seq(4))),
        (Position::Before(Seq(4)), vec!["2", "3"], Some(Seq(2))),
        (Position::Before(Seq(2)), vec!["1"], None),
        (Position::After(Seq(0)), vec!["1", "2"], Some(Seq(2))),
        (Position::After(Seq(2)), vec!["3", "4"], Some(Seq(4))),
        (Position::After(Seq(4)), vec!["5"], None),
        (Position::After(Seq(5)), vec![], None),
    ] {
        let page = world.services.chat.history(None, &room, None, from, 2).await.expect("anybody may read");
        let texts: Vec<_> = page.messages.iter().map(|message| message.text.as_str()).collect();
        assert_eq!((texts, page.next), (expected, next), "{from:?}");
    }
}

#[tokio::test]
async fn one_deletes_ones_own_and_those_of_lower_ranks() {
    let (world, owner, room) = world_with_room().await;
    let ranks = world.ranks(&owner, &room).await;
    for (actor_rank, actor) in &ranks {
        for (author_rank, author) in &ranks {
            world.clock.advance(Span::seconds(60));
            let message = world.post(author, &room, &format!("{author_rank:?} to {actor_rank:?}")).await;
            let result = world.services.chat.delete(actor, message.id).await;
            let own = actor_rank == author_rank;
            let allowed = own || (*actor_rank >= Rank::Mod && author_rank < actor_rank);
            assert_eq!(result.is_ok(), allowed, "{actor_rank:?} deletes what {author_rank:?} said: {result:?}");
        }
    }
}

#[tokio::test]
async fn a_message_is_deleted_once() {
    let (world, owner, room) = world_with_room().await;
    let said = world.post(&owner, &room, "oops").await;
    world.bus.clear();
    world.services.chat.delete(&owner, said.id).await.expect("one's own");
    assert_eq!(world.bus.drain(), [EventKind::Deleted { message: said.id }]);
    refused!(world.services.chat.delete(&owner, said.id).await, Error::NoSuch(Resource::Message));
    refused!(world.services.chat.delete(&owner, NO_MESSAGE).await, Error::NoSuch(Resource::Message));
    assert!(world.bus.is_silent());
}

#[tokio::test]
async fn a_timed_out_author_may_take_back_what_was_said() {
    let (world, owner, room) = world_with_room().await;
    let ann = world.person("ann").await;
    let said = world.post(&ann, &room, "sorry").await;
    world.sanction(&owner, Some(&room), &ann, SanctionKind::Timeout, Duration::Forever).await.expect("the owner may");
    world.services.chat.delete(&ann, said.id).await.expect("one's own");
}

#[tokio::test]
async fn a_moderator_of_another_room_deletes_nothing_here() {
    let (world, owner, room) = world_with_room().await;
    let bob = world.person("bob").await;
    let elsewhere = world.room(&bob).await;
    world.appointed(&bob, &elsewhere, "ann", ModerationAction::Mod).await;
    let said = world.post(&owner, &room, "hi").await;
    refused!(world.services.chat.delete(&bob, said.id).await, Error::Denied(Denied::Rank { least: Rank::Mod }));
}

#[tokio::test]
async fn a_deleted_room_takes_its_messages_along() {
    let (world, owner, room) = world_with_room().await;
    let said = world.post(&owner, &room, "hi").await;
    world.services.rooms.close(&owner, &room).await.expect("the owner may");
    refused!(world.services.chat.delete(&owner, said.id).await, Error::NoSuch(Resource::Message));
}

#[tokio::test]
async fn a_store_that_fails_publishes_nothing_and_keeps_its_words() {
    let (world, owner, room) = world_with_room().await;
    for (method, fault) in
        [("log.append", Fault::Fail), ("access.room_access", Fault::Fail), ("log.append", Fault::Busy)]
    {
        world.faults.heal();
        world.bus.lose();
        world.faults.always(method, fault);
        let error = match world.say_named(&owner, &room, "hi", "n").await {
            Err(error) => error,
            Ok(said) => panic!("{said:?}"),
        };
        assert_eq!(matches!(error, Error::Busy { .. }), fault == Fault::Busy, "{error:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    assert!(world.bus.is_silent());
    world.faults.heal();
    assert!(matches!(world.say_named(&owner, &room, "hi", "n").await, Ok(Outcome::Message(_))), "the nonce is free");
    assert_eq!(world.texts(&room).await, ["hi"]);
}
