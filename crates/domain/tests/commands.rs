//! What is typed as a command: carried out, explained, never posted.

mod support;

use domain::command::CommandError;
use domain::command::catalogue::CATALOGUE;
use domain::model::event::{EventKind, ModerationAction};
use domain::model::id::RoomUid;
use domain::model::message::MessageKind;
use domain::model::rank::Rank;
use domain::model::sanction::SanctionKind;
use domain::model::time::Span;
use domain::policy::Denied;
use domain::service::Caller;
use domain::service::error::{Error, Resource};
use support::{Outcome, Typed, World, message, seconds};

async fn world_with_room() -> (World, Caller, RoomUid) {
    let world = World::new();
    let owner = world.person("olive").await;
    let room = world.room(&owner).await;
    (world, owner, room)
}

/// Somebody called `name` who has said something in the room.
async fn author(world: &World, room: &RoomUid, name: &str) -> Caller {
    let person = world.person(name).await;
    world.post(&person, room, &format!("{name} was here")).await;
    person
}

fn was_posted(world: &World) -> bool {
    world.bus.events().iter().any(|event| matches!(event.kind, EventKind::Posted(_)))
}

#[tokio::test]
async fn no_command_is_ever_posted() {
    let (world, owner, room) = world_with_room().await;
    let ann = author(&world, &room, "ann").await;
    for entry in CATALOGUE.iter().filter(|entry| entry.name != "me") {
        for mark in ["/", "!", " /"] {
            for arguments in ["", " ann", " x y z", " \"unclosed"] {
                for caller in [&owner, &ann] {
                    let line = format!("{mark}{}{arguments}", entry.name);
                    world.bus.clear();
                    let result = world.say(caller, &room, &line).await;
                    assert!(!matches!(result, Ok(Outcome::Message(_))) && !was_posted(&world), "{line}: {result:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn an_unknown_command_is_an_error_and_not_posted() {
    let (world, owner, room) = world_with_room().await;
    for line in ["/bna ann", "!lgoin ann secret", "/Ünknown", "/x", "/ban2 ann", "/banann"] {
        match world.say(&owner, &room, line).await {
            Err(Error::Command(CommandError::Unknown { .. })) => {}
            // A mark before something else than a plain letter is text.
            Ok(Outcome::Message(said)) if line.starts_with("/Ü") => assert_eq!(said.text.as_str(), line),
            other => panic!("{line}: {other:?}"),
        }
    }
    assert_eq!(world.texts(&room).await, ["/Ünknown"]);
}

#[tokio::test]
async fn an_action_is_posted_as_one() {
    let (world, owner, room) = world_with_room().await;
    let said = world.post(&owner, &room, "/me waves  at all").await;
    assert_eq!((said.kind, said.text.as_str()), (MessageKind::Action, "waves  at all"));
    assert_eq!(world.post(&owner, &room, "!ME sits").await.kind, MessageKind::Action);
    refused!(world.say(&owner, &room, "/me").await, Error::Command(CommandError::Usage { .. }));
}

#[tokio::test]
async fn echo_answers_the_sender_alone_and_takes_no_login() {
    let (world, _, room) = world_with_room().await;
    let sent = || Typed { text: "/echo  hello  there ".to_owned(), ..Typed::default() };
    for room in [None, Some(&room)] {
        let said = world.type_in(None, room, sent()).await;
        assert!(matches!(&said, Ok(Outcome::Command { name: "echo", text }) if text == "hello  there"), "{said:?}");
    }
    assert!(world.bus.is_silent());
}

#[tokio::test]
async fn help_lists_what_the_rank_may_and_explains_one() {
    let (world, owner, room) = world_with_room().await;
    let ann = world.person("ann").await;
    let (for_ann, for_owner) = (world.command(&ann, &room, "/help").await, world.command(&owner, &room, "/help").await);
    for (line, ann_sees) in [("/echo", true), ("/me", true), ("/ban", false), ("/mod ", false), ("/slow", false)] {
        assert_eq!((for_ann.contains(line), for_owner.contains(line)), (ann_sees, true), "{line}");
    }
    for entry in CATALOGUE {
        let explained = world.command(&ann, &room, &format!("/help {}", entry.name)).await;
        assert!(explained.contains(entry.usage) && explained.contains(entry.help), "{explained}");
    }
    assert!(world.command(&ann, &room, "/help /BAN").await.contains("/ban"));
    refused!(world.say(&ann, &room, "/help nothing").await, Error::Command(CommandError::Unknown { .. }));
    let anonymous = Typed { text: "/help".to_owned(), ..Typed::default() };
    assert!(matches!(world.type_in(None, None, anonymous).await, Ok(Outcome::Command { .. })));
}

#[tokio::test]
async fn what_concerns_the_connection_is_left_to_it() {
    let (world, owner, room) = world_with_room().await;
    for (line, expected) in [
        ("/login", "login"),
        ("/logout", "logout"),
        ("/join abcDEF012345", "join"),
        ("/leave", "leave"),
        ("/quit", "quit"),
    ] {
        let said = world.say(&owner, &room, line).await;
        assert!(matches!(&said, Ok(Outcome::Socket(name)) if *name == expected), "{line}: {said:?}");
    }
}

#[tokio::test]
async fn a_name_is_taken_by_command_with_spaces_and_quotes() {
    let (world, olive, room) = world_with_room().await;
    let guest = world.guest("a").await;
    for (line, shown) in [("/name Blue Fox", "Blue Fox"), ("/name \"Red Fox\"", "Red Fox"), ("!name  fox ", "fox")] {
        assert!(world.command(&guest, &room, line).await.ends_with(&format!("called {shown}.")), "{line}");
    }
    refused!(world.say(&guest, &room, "/name admin").await, Error::Invalid(_));
    let silenced = world.guest("b").await;
    world.sanction(&olive, Some(&room), &silenced, SanctionKind::Timeout, seconds(60)).await.unwrap();
    refused!(world.say(&silenced, &room, "/name free").await, Error::Sanctioned { .. });
    refused!(world.say(&guest, &room, "/name OLIVE").await, Error::NameTaken);
    let anonymous = Typed { text: "/name fox".to_owned(), ..Typed::default() };
    refused!(world.type_in(None, Some(&room), anonymous).await, Error::LoginRequired);
}

#[tokio::test]
async fn a_ban_by_command_is_for_ever_unless_told() {
    let (world, owner, room) = world_with_room().await;
    let ann = author(&world, &room, "ann").await;
    for (line, left) in [
        ("/ban ann", None),
        ("/ban ann perm", None),
        ("/ban ann 90s", Some(90)),
        ("/ban ann 1h30m being rude", Some(5400)),
        ("!ban @ann 2d", Some(172_800)),
        ("/ban ann 1w", Some(604_800)),
        ("/ban ann 600", Some(600)),
        ("/ban ann being rude", None),
    ] {
        world.command(&owner, &room, line).await;
        refused!(
            world.say(&ann, &room, "hi").await,
            Error::Sanctioned { kind: SanctionKind::Ban, retry_after, .. } if retry_after == left.map(Span::seconds)
        );
        world.command(&owner, &room, "/unban ann").await;
        world.post(&ann, &room, &format!("back after {line}")).await;
    }
    refused!(world.say(&owner, &room, "/unban ann").await, Error::NoSuch(Resource::Sanction));
}

#[tokio::test]
async fn a_duration_that_is_none_bans_nobody() {
    let (world, owner, room) = world_with_room().await;
    let ann = author(&world, &room, "ann").await;
    for bad in ["0", "0s", "10n", "1h30", "9999w", "99999999999999999999s"] {
        refused!(
            world.say(&owner, &room, &format!("/ban ann {bad}")).await,
            Error::Command(CommandError::Usage { .. })
        );
    }
    world.post(&ann, &room, "still here").await;
}

#[tokio::test]
async fn a_timeout_by_command_is_ten_minutes_unless_told() {
    let (world, owner, room) = world_with_room().await;
    let ann = author(&world, &room, "ann").await;
    for (line, seconds) in [("/timeout ann", 600), ("/timeout ann 30s hush", 30)] {
        world.command(&owner, &room, line).await;
        refused!(
            world.say(&ann, &room, "hi").await,
            Error::Sanctioned { kind: SanctionKind::Timeout, retry_after, .. } if retry_after == Some(Span::seconds(seconds))
        );
    }
    world.command(&owner, &room, "/untimeout ann").await;
    world.post(&ann, &room, "hi").await;
    assert_eq!(world.measures(), [ModerationAction::Timeout, ModerationAction::Timeout, ModerationAction::Untimeout]);
}

#[tokio::test]
async fn moderators_commands_are_refused_to_others_as_by_any_other_way() {
    let (world, owner, room) = world_with_room().await;
    let ann = author(&world, &room, "ann").await;
    author(&world, &room, "bob").await;
    world.bus.clear();
    for line in
        ["/ban bob", "/unban bob", "/timeout bob", "/untimeout bob", "/purge bob", "/purge", "/clear", "/slow 5"]
    {
        refused!(world.say(&ann, &room, line).await, Error::Denied(Denied::Rank { least: Rank::Mod }));
    }
    for line in ["/mod bob", "/unmod bob", "/vip bob", "/unvip bob", "/room name x", "/room description x"] {
        refused!(world.say(&ann, &room, line).await, Error::Denied(Denied::Rank { least: Rank::Owner }));
    }
    refused!(world.say(&owner, &room, "/ban olive").await, Error::Denied(Denied::Oneself));
    assert!(world.bus.is_silent());
}

#[tokio::test]
async fn a_user_is_named_in_full_in_quotes_or_by_a_unique_beginning() {
    let (world, owner, room) = world_with_room().await;
    let guest = world.guest("a").await;
    world.command(&guest, &room, "/name Ann Lee").await;
    world.post(&guest, &room, "hi").await;
    author(&world, &room, "annabel").await;
    author(&world, &room, "bob").await;
    for (line, answer) in [
        ("/vip \"Ann Lee\"", "Ann Lee is a VIP now."),
        ("/unvip ANN LEE", "Ann Lee is no longer a VIP."),
        ("/vip @\"ann lee\"", "Ann Lee is a VIP now."),
        ("/vip anna", "annabel is a VIP now."),
        ("/vip B", "bob is a VIP now."),
    ] {
        assert_eq!(world.command(&owner, &room, line).await, answer, "{line}");
    }
}

#[tokio::test]
async fn a_beginning_that_fits_more_than_one_is_told() {
    let (world, owner, room) = world_with_room().await;
    for name in ["annabel", "anna_", "annika"] {
        author(&world, &room, name).await;
    }
    world.bus.clear();
    refused!(
        world.say(&owner, &room, "/ban ANN").await,
        Error::Ambiguous { typed, names } if typed == "ANN" && names == ["anna_", "annabel", "annika"]
    );
    refused!(world.say(&owner, &room, "/ban zoe").await, Error::NobodyCalled { typed } if typed == "zoe");
    refused!(world.say(&owner, &room, "/ban \"\"").await, Error::NobodyCalled { .. });
    refused!(world.say(&owner, &room, "/ban %").await, Error::NobodyCalled { .. });
    assert!(world.bus.is_silent());
}

#[tokio::test]
async fn a_full_name_wins_over_a_beginning() {
    let (world, owner, room) = world_with_room().await;
    author(&world, &room, "annabel").await;
    world.person("ann").await;
    assert_eq!(world.command(&owner, &room, "/vip ann").await, "ann is a VIP now.");
}

#[tokio::test]
async fn purges_and_deletions_take_messages_away() {
    let (world, owner, room) = world_with_room().await;
    let ann = author(&world, &room, "ann").await;
    author(&world, &room, "bob").await;
    world.post(&owner, &room, "order!").await;
    world.command(&owner, &room, "/purge ann").await;
    assert_eq!(world.texts(&room).await, ["bob was here", "order!"]);
    let said = world.post(&ann, &room, "more").await;
    refused!(world.say(&owner, &room, "/delete 4000000").await, Error::NoSuch(Resource::Message));
    world.command(&owner, &room, &format!("/delete {}", said.id)).await;
    assert_eq!(world.texts(&room).await, ["bob was here", "order!"]);
    for line in ["/clear", "/purge"] {
        world.command(&owner, &room, line).await;
        assert!(world.texts(&room).await.is_empty(), "{line}");
        world.post(&owner, &room, "again").await;
    }
}

#[tokio::test]
async fn slow_mode_is_set_by_command() {
    let (world, owner, room) = world_with_room().await;
    let keeper = world.appointed(&owner, &room, "keeper", ModerationAction::Mod).await;
    let slow = async || {
        let room = world.services.rooms.room(&room).await.expect("the room is there");
        room.rules.slow_mode.as_seconds_up()
    };
    for (line, seconds) in [("/slow", 30), ("/slow 5", 5), ("/slow 2m", 120), ("!slow off", 0), ("/room slow 7", 7)] {
        world.command(&keeper, &room, line).await;
        assert_eq!(slow().await, seconds, "{line}");
    }
    refused!(world.say(&keeper, &room, "/slow 86401").await, Error::Command(CommandError::Usage { .. }));
    assert_eq!(slow().await, 7);
}

#[tokio::test]
async fn a_room_is_changed_by_command() {
    let (world, owner, room) = world_with_room().await;
    world.command(&owner, &room, "/room name The  Lobby").await;
    world.command(&owner, &room, "/room description \"all about foxes\"").await;
    let changed = world.services.rooms.room(&room).await.expect("the room is there");
    assert_eq!((changed.name.as_str(), changed.description.as_str()), ("The  Lobby", "all about foxes"));
    refused!(world.say(&owner, &room, "/room colour red").await, Error::Command(CommandError::Usage { .. }));
    refused!(world.say(&owner, &room, "/room name").await, Error::Command(CommandError::Usage { .. }));
}

#[tokio::test]
async fn moderators_are_made_unmade_and_listed() {
    let (world, owner, room) = world_with_room().await;
    let ann = author(&world, &room, "ann").await;
    world.command(&owner, &room, "/mod ann").await;
    assert_eq!(world.command(&ann, &room, "/mods").await, "olive (owner), ann (mod)");
    world.command(&ann, &room, "/slow 5").await;
    refused!(world.say(&ann, &room, "/unmod olive").await, Error::Denied(_));
    world.command(&owner, &room, "/unmod ann").await;
    refused!(world.say(&ann, &room, "/slow 9").await, Error::Denied(_));
    assert_eq!(world.command(&ann, &room, "/mods").await, "olive (owner)");
}

#[tokio::test]
async fn a_command_about_a_room_takes_one() {
    let (world, owner, room) = world_with_room().await;
    let typed = |text: &str| Typed { text: text.to_owned(), ..Typed::default() };
    for line in ["/mods", "/slow", "/ban ann", "/clear", "/room name x"] {
        refused!(world.type_in(Some(&owner), None, typed(line)).await, Error::NoRoom);
    }
    world.services.rooms.close(&owner, &room).await.expect("the owner may");
    for line in ["/mods", "/slow", "/ban ann", "/clear"] {
        refused!(world.say(&owner, &room, line).await, Error::NoSuch(Resource::Room));
    }
}

#[tokio::test]
async fn the_banned_command_nothing_in_the_room() {
    let (world, owner, room) = world_with_room().await;
    let keeper = world.appointed(&owner, &room, "keeper", ModerationAction::Mod).await;
    author(&world, &room, "ann").await;
    world.command(&owner, &room, "/ban keeper").await;
    for line in ["/ban ann", "/clear", "/slow 5", "/help"] {
        refused!(world.say(&keeper, &room, line).await, Error::Sanctioned { kind: SanctionKind::Ban, .. });
    }
    assert_eq!(world.command(&keeper, &room, "/echo I am still connected").await, "I am still connected");
    refused!(world.say(&keeper, &room, "hello?").await, Error::Sanctioned { .. });
    world.command(&owner, &room, "/unban keeper").await;
    message(world.say(&keeper, &room, "hello").await);
}
