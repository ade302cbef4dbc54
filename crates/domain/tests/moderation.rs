//! Keeping order: who may sanction whom, how sanctions end, purges, and the log of it all.

mod support;

use domain::model::event::{EventKind, ModerationAction};
use domain::model::id::{RoomUid, Seq};
use domain::model::rank::Rank;
use domain::model::sanction::SanctionKind::{Ban, Timeout};
use domain::model::time::{Duration, Span};
use domain::policy::Denied;
use domain::ports::bus::Notice;
use domain::ports::readers::Position;
use domain::service::Caller;
use domain::service::error::{Error, Resource};
use domain::service::moderation::SanctionRequest;
use support::{World, client, seconds};
use testkit::builders::reason;
use testkit::faulty::Fault;

async fn world_with_room() -> (World, Caller, RoomUid) {
    let world = World::new();
    let owner = world.person("olive").await;
    let room = world.room(&owner).await;
    (world, owner, room)
}

fn on_network(kind: domain::model::sanction::SanctionKind) -> SanctionRequest {
    SanctionRequest { kind, duration: Duration::Forever, reason: reason(""), network: true }
}

#[tokio::test]
async fn a_moderator_sanctions_those_below_and_nobody_else() {
    let (world, owner, room) = world_with_room().await;
    let ranks = world.ranks(&owner, &room).await;
    for kind in [Ban, Timeout] {
        for (actor_rank, actor) in &ranks {
            for (subject_rank, subject) in &ranks {
                let result = world.sanction(actor, Some(&room), subject, kind, seconds(60)).await;
                let allowed = *actor_rank >= Rank::Mod && subject_rank < actor_rank;
                assert_eq!(result.is_ok(), allowed, "{actor_rank:?} on {subject_rank:?}: {result:?}");
                if allowed {
                    world.lift(actor, Some(&room), subject).await.unwrap();
                }
            }
        }
    }
}

#[tokio::test]
async fn nobody_acts_on_an_equal_or_on_oneself() {
    let (world, owner, room) = world_with_room().await;
    let (one, two) = (
        world.appointed(&owner, &room, "one", ModerationAction::Mod).await,
        world.appointed(&owner, &room, "two", ModerationAction::Mod).await,
    );
    refused!(world.sanction(&one, Some(&room), &two, Ban, seconds(1)).await, Error::Denied(Denied::Outranked));
    refused!(world.sanction(&one, Some(&room), &owner, Timeout, seconds(1)).await, Error::Denied(Denied::Outranked));
    refused!(world.sanction(&one, Some(&room), &one, Timeout, seconds(1)).await, Error::Denied(Denied::Oneself));
}

#[tokio::test]
async fn a_rank_counts_in_its_own_room_only() {
    let (world, owner, room) = world_with_room().await;
    let bob = world.person("bob").await;
    let elsewhere = world.room(&bob).await;
    let result = world.sanction(&bob, Some(&room), &owner, Ban, seconds(1)).await;
    refused!(result, Error::Denied(Denied::Rank { least: Rank::Mod }));
    world.sanction(&bob, Some(&elsewhere), &owner, Ban, seconds(1)).await.expect("olive is nobody there");
}

#[tokio::test]
async fn a_sanction_is_told_with_its_end_and_reason() {
    let (world, owner, room) = world_with_room().await;
    let ann = world.person("ann").await;
    let measures =
        SanctionRequest { kind: Ban, duration: seconds(90), reason: reason("spam & \"more\""), network: false };
    let line = world.services.moderation.sanction(&owner, Some(&room), &ann.user.uid, measures).await.unwrap();
    let end = line.sanction.ends_at;
    assert_eq!((line.user.id, line.by.id, line.sanction.by_rank), (ann.user.id, owner.user.id, Rank::Owner));
    assert_eq!(end.map(|end| end - line.sanction.starts_at), Some(Span::seconds(90)));
    let told = world.bus.drain();
    let [EventKind::Moderated { subject, action: ModerationAction::Ban, until, reason }] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!((subject.user.id, *until, reason.as_str()), (ann.user.id, end, "spam & \"more\""));
}

#[tokio::test]
async fn a_second_ban_replaces_the_first() {
    let (world, owner, room) = world_with_room().await;
    let ann = world.person("ann").await;
    world.ban(&owner, Some(&room), &ann).await;
    world.sanction(&owner, Some(&room), &ann, Ban, seconds(60)).await.unwrap();
    assert_eq!(world.measures(), [ModerationAction::Ban, ModerationAction::Ban]);
    let lines = world.services.moderation.sanctions(&owner, Some(&room), None, 10).await.unwrap();
    assert_eq!(lines.len(), 1);
    world.clock.advance(Span::seconds(60));
    world.post(&ann, &room, "back again").await;
    assert!(world.services.moderation.sanctions(&owner, Some(&room), None, 10).await.unwrap().is_empty());
    refused!(world.lift(&owner, Some(&room), &ann).await, Error::NoSuch(Resource::Sanction));
}

#[tokio::test]
async fn a_sanction_is_lifted_by_a_rank_at_least_its_givers() {
    let (world, owner, room) = world_with_room().await;
    let ann = world.person("ann").await;
    let keeper = world.appointed(&owner, &room, "keeper", ModerationAction::Mod).await;
    let other_keeper = world.appointed(&owner, &room, "keeper2", ModerationAction::Mod).await;
    let super_mod = world.ranked("super_", Rank::SuperMod).await;
    let admin = world.ranked("adam", Rank::Admin).await;

    world.ban(&owner, Some(&room), &ann).await;
    refused!(world.lift(&keeper, Some(&room), &ann).await, Error::Denied(Denied::Rank { least: Rank::Owner }));
    world.lift(&super_mod, Some(&room), &ann).await.unwrap();

    world.ban(&keeper, Some(&room), &ann).await;
    world.lift(&other_keeper, Some(&room), &ann).await.expect("a giver of the same rank");

    world.ban(&admin, Some(&room), &ann).await;
    refused!(world.lift(&super_mod, Some(&room), &ann).await, Error::Denied(Denied::Rank { least: Rank::Admin }));
    refused!(world.lift(&owner, Some(&room), &ann).await, Error::Denied(Denied::Rank { least: Rank::Admin }));
    world.lift(&admin, Some(&room), &ann).await.unwrap();
    world.post(&ann, &room, "thank you all").await;
}

#[tokio::test]
async fn a_lift_that_is_denied_lifts_nothing() {
    let (world, owner, room) = world_with_room().await;
    let ann = world.person("ann").await;
    let keeper = world.appointed(&owner, &room, "keeper", ModerationAction::Mod).await;
    world.ban(&keeper, Some(&room), &ann).await;
    world.sanction(&owner, Some(&room), &ann, Timeout, Duration::Forever).await.unwrap();
    world.bus.clear();
    refused!(world.lift(&keeper, Some(&room), &ann).await, Error::Denied(Denied::Rank { .. }));
    assert!(world.bus.is_silent(), "half of it is not done: {:?}", world.bus.events());
}

#[tokio::test]
async fn lifting_takes_away_what_was_asked_for() {
    let (world, owner, room) = world_with_room().await;
    let ann = world.person("ann").await;
    world.ban(&owner, Some(&room), &ann).await;
    world.sanction(&owner, Some(&room), &ann, Timeout, Duration::Forever).await.unwrap();
    let lift = async |kind| world.services.moderation.lift(&owner, Some(&room), &ann.user.uid, kind).await;
    lift(Some(Ban)).await.unwrap();
    refused!(lift(Some(Ban)).await, Error::NoSuch(Resource::Sanction));
    refused!(world.say(&ann, &room, "hi").await, Error::Sanctioned { kind: Timeout, .. });
    lift(None).await.unwrap();
    world.post(&ann, &room, "hi").await;
    assert_eq!(
        world.measures(),
        [ModerationAction::Ban, ModerationAction::Timeout, ModerationAction::Unban, ModerationAction::Untimeout]
    );
}

#[tokio::test]
async fn nobody_lifts_their_own() {
    let (world, owner, room) = world_with_room().await;
    let keeper = world.appointed(&owner, &room, "keeper", ModerationAction::Mod).await;
    world.sanction(&owner, Some(&room), &keeper, Timeout, Duration::Forever).await.unwrap();
    refused!(world.lift(&keeper, Some(&room), &keeper).await, Error::Denied(_));
    let ann = world.person("ann").await;
    refused!(world.lift(&ann, Some(&room), &ann).await, Error::Denied(Denied::Rank { least: Rank::Mod }));
}

#[tokio::test]
async fn a_banned_moderator_has_no_power() {
    let (world, owner, room) = world_with_room().await;
    let keeper = world.appointed(&owner, &room, "keeper", ModerationAction::Mod).await;
    let ann = world.person("ann").await;
    world.ban(&owner, Some(&room), &keeper).await;
    refused!(world.sanction(&keeper, Some(&room), &ann, Ban, seconds(1)).await, Error::Sanctioned { kind: Ban, .. });
    refused!(world.services.moderation.purge(&keeper, &room, None).await, Error::Sanctioned { .. });
    refused!(world.services.moderation.log(&keeper, &room, None, None, 10).await, Error::Sanctioned { .. });
}

#[tokio::test]
async fn only_an_admin_sanctions_everywhere() {
    let (world, owner, room) = world_with_room().await;
    let ranks = world.ranks(&owner, &room).await;
    for (rank, actor) in ranks {
        let subject = world.person(&format!("s_{}", rank.as_str())).await;
        let given = world.sanction(&actor, None, &subject, Ban, Duration::Forever).await;
        let listed = world.services.moderation.sanctions(&actor, None, None, 10).await;
        assert_eq!((given.is_ok(), listed.is_ok()), (rank >= Rank::Admin, rank >= Rank::Admin), "{rank:?}: {given:?}");
    }
}

#[tokio::test]
async fn a_ban_everywhere_ends_every_login_and_holds_in_every_room() {
    let (world, owner, room) = world_with_room().await;
    let admin = world.ranked("adam", Rank::Admin).await;
    let ann = world.person("ann").await;
    world.ban(&admin, None, &ann).await;
    assert!(world.bus.notices().contains(&Notice::SessionsEnded(vec![ann.session().expect("a session")])));
    refused!(world.say(&ann, &room, "hi").await, Error::Sanctioned { kind: Ban, .. });
    refused!(world.lift(&owner, Some(&room), &ann).await, Error::NoSuch(Resource::Sanction));
    refused!(world.lift(&owner, None, &ann).await, Error::Denied(Denied::Rank { least: Rank::Admin }));
    let super_mod = world.ranked("super_", Rank::SuperMod).await;
    refused!(world.lift(&super_mod, None, &ann).await, Error::Denied(Denied::Rank { least: Rank::Admin }));
    world.lift(&admin, None, &ann).await.unwrap();
    refused!(world.say(&ann, &room, "hi").await, Error::TokenInvalid);
    let login = world.services.accounts.login("ann", testkit::builders::PASSWORD, &client("ann")).await.unwrap();
    world.post(&Caller { login: login.session.into(), ..ann }, &room, "hi").await;
}

#[tokio::test]
async fn other_sanctions_end_no_login() {
    let (world, owner, room) = world_with_room().await;
    let (admin, ann) = (world.ranked("adam", Rank::Admin).await, world.person("ann").await);
    world.ban(&owner, Some(&room), &ann).await;
    world.sanction(&admin, None, &ann, Timeout, Duration::Forever).await.unwrap();
    assert!(world.bus.notices().is_empty());
    world.services.accounts.ticket(&ann).await.unwrap();
}

#[tokio::test]
async fn an_admin_is_not_sanctioned_by_an_admin() {
    let world = World::new();
    let (adam, adele) = (world.ranked("adam", Rank::Admin).await, world.ranked("adele", Rank::Admin).await);
    let root = world.ranked("ruth", Rank::Root).await;
    refused!(world.sanction(&adam, None, &adele, Ban, seconds(1)).await, Error::Denied(Denied::Outranked));
    refused!(world.sanction(&adam, None, &root, Ban, seconds(1)).await, Error::Denied(Denied::Outranked));
    refused!(world.sanction(&root, None, &root, Ban, seconds(1)).await, Error::Denied(Denied::Oneself));
    world.ban(&root, None, &adele).await;
}

#[tokio::test]
async fn a_banned_guest_does_not_come_back_by_the_same_address() {
    let (world, owner, room) = world_with_room().await;
    let guest = world.guest("school").await;
    let teacher = world.person("teacher").await;
    world.clock.advance(Span::millis(1));
    world.ban(&owner, Some(&room), &guest).await;
    let alone = world.services.accounts.delete(&guest, &guest.user.uid).await;
    refused!(alone, Error::Denied(Denied::Rank { least: Rank::Registered }));
    let root = world.ranked("ruth", Rank::Root).await;
    world.services.accounts.delete(&root, &guest.user.uid).await.unwrap();

    let again = world.guest("school").await;
    assert_ne!(again.user.id, guest.user.id);
    refused!(world.say(&again, &room, "me again").await, Error::Sanctioned { kind: Ban, .. });
    let login =
        world.services.accounts.register("fresh", testkit::builders::PASSWORD, &client("school")).await.unwrap();
    let fresh = Caller::of_session(login.user, login.session, client("school").network);
    refused!(world.say(&fresh, &room, "me again").await, Error::Sanctioned { kind: Ban, .. });
    let at_school = Caller { network: client("school").network, ..teacher };
    world.post(&at_school, &room, "I was here before").await;
}

#[tokio::test]
async fn a_network_is_sanctioned_when_asked_for_unless_somebody_above_is_behind_it() {
    let (world, owner, room) = world_with_room().await;
    let (troll, admin) = (world.person("troll").await, world.ranked("adam", Rank::Admin).await);
    let line = world.services.moderation.sanction(&owner, Some(&room), &troll.user.uid, on_network(Ban)).await.unwrap();
    assert_eq!(line.sanction.network, Some(troll.network.clone()));

    world.services.accounts.login("adam", testkit::builders::PASSWORD, &client("troll")).await.unwrap();
    let result = world.services.moderation.sanction(&owner, Some(&room), &troll.user.uid, on_network(Ban)).await;
    refused!(result, Error::Denied(Denied::Outranked));
    world.services.moderation.sanction(&admin, None, &troll.user.uid, on_network(Ban)).await.unwrap();
}

#[tokio::test]
async fn a_network_with_an_equal_behind_it_is_not_sanctioned() {
    let (world, _, room) = world_with_room().await;
    let (one, _two) = (world.ranked("one", Rank::SuperMod).await, world.ranked("two", Rank::SuperMod).await);
    let troll = world.person("troll").await;
    world.services.accounts.login("two", testkit::builders::PASSWORD, &client("troll")).await.unwrap();
    let result = world.services.moderation.sanction(&one, Some(&room), &troll.user.uid, on_network(Ban)).await;
    refused!(result, Error::Denied(Denied::Outranked));
}

#[tokio::test]
async fn a_purge_is_a_moderators_and_of_those_below() {
    let (world, owner, room) = world_with_room().await;
    let ranks = world.ranks(&owner, &room).await;
    for (actor_rank, actor) in &ranks {
        for (author_rank, author) in &ranks {
            let result = world.services.moderation.purge(actor, &room, Some(&author.user.uid)).await;
            let own = actor_rank == author_rank;
            let allowed = *actor_rank >= Rank::Mod && (own || author_rank < actor_rank);
            assert_eq!(result.is_ok(), allowed, "{actor_rank:?} purges {author_rank:?}: {result:?}");
        }
        let all = world.services.moderation.purge(actor, &room, None).await;
        assert_eq!(all.is_ok(), *actor_rank >= Rank::Mod, "{actor_rank:?} purges all: {all:?}");
    }
}

#[tokio::test]
async fn a_purge_takes_one_authors_messages_or_all() {
    let (world, owner, room) = world_with_room().await;
    let ann = world.person("ann").await;
    for (author, text) in [(&ann, "a"), (&owner, "b"), (&ann, "c")] {
        world.post(author, &room, text).await;
    }
    world.bus.clear();
    world.services.moderation.purge(&owner, &room, Some(&ann.user.uid)).await.unwrap();
    assert_eq!(world.bus.drain(), [EventKind::Purged { author: Some(Box::new(ann.user.clone())) }]);
    assert_eq!(world.texts(&room).await, ["b"]);
    world.services.moderation.purge(&owner, &room, None).await.unwrap();
    assert!(world.texts(&room).await.is_empty());
    assert_eq!(world.head(&room).await, Seq(5));
}

#[tokio::test]
async fn bans_and_the_log_are_for_moderators() {
    let (world, owner, room) = world_with_room().await;
    for (rank, caller) in world.ranks(&owner, &room).await {
        let bans = world.services.moderation.sanctions(&caller, Some(&room), None, 10).await;
        let log = world.services.moderation.log(&caller, &room, None, None, 10).await;
        assert_eq!((bans.is_ok(), log.is_ok()), (rank >= Rank::Mod, rank >= Rank::Mod), "{rank:?}: {bans:?} {log:?}");
    }
}

#[tokio::test]
async fn every_act_is_a_line_of_the_log() {
    let (world, owner, room) = world_with_room().await;
    let ann = world.person("ann").await;
    let said = world.post(&ann, &room, "spam").await;
    world.services.chat.delete(&owner, said.id).await.unwrap();
    world.sanction(&owner, Some(&room), &ann, Timeout, seconds(60)).await.unwrap();
    world.lift(&owner, Some(&room), &ann).await.unwrap();
    world.services.moderation.purge(&owner, &room, Some(&ann.user.uid)).await.unwrap();
    let edit = domain::service::rooms::RoomEdit { slow_mode: Some(5), ..Default::default() };
    world.services.rooms.configure(&owner, &room, edit).await.unwrap();
    let lines = world.services.moderation.log(&owner, &room, None, None, 10).await.unwrap();
    assert_eq!(lines.iter().map(|line| line.event.seq.0).collect::<Vec<_>>(), [6, 5, 4, 3, 2]);
    assert!(lines.iter().all(|line| line.actor.id == owner.user.id));
    let EventKind::Moderated { reason, .. } = &lines[3].event.kind else { panic!("{lines:?}") };
    assert_eq!(reason, "being rude");
    let page = world.services.moderation.log(&owner, &room, None, Some(Seq(4)), 1).await.unwrap();
    assert_eq!(page.iter().map(|line| line.event.seq.0).collect::<Vec<_>>(), [3]);
}

#[tokio::test]
async fn a_lower_rank_does_not_replace_what_a_higher_one_gave() {
    let (world, owner, room) = world_with_room().await;
    let (keeper, ann) = (world.person("keeper").await, world.person("ann").await);
    world.services.rooms.appoint(&owner, &room, &keeper.user.uid, ModerationAction::Mod).await.unwrap();
    world.ban(&owner, Some(&room), &ann).await;
    refused!(world.sanction(&keeper, Some(&room), &ann, Ban, seconds(1)).await, Error::Denied(Denied::Rank { .. }));
    world.clock.advance(Span::days(1));
    refused!(world.say(&ann, &room, "back?").await, Error::Sanctioned { kind: Ban, .. });
    world.sanction(&owner, Some(&room), &ann, Ban, seconds(1)).await.unwrap();
}

#[tokio::test]
async fn what_somebody_left_behind_can_be_purged_and_lifted() {
    let (world, owner, room) = world_with_room().await;
    let gone = world.person("gone").await;
    world.post(&gone, &room, "spam").await;
    world.ban(&owner, Some(&room), &gone).await;
    world.services.accounts.delete(&gone, &gone.user.uid).await.unwrap();
    world.services.moderation.purge(&owner, &room, Some(&gone.user.uid)).await.unwrap();
    assert!(world.services.chat.history(None, &room, None, Position::End, 10).await.unwrap().messages.is_empty());
    world.lift(&owner, Some(&room), &gone).await.unwrap();
}

#[tokio::test]
async fn nobody_unknown_is_sanctioned() {
    let (world, owner, room) = world_with_room().await;
    let gone = world.person("gone").await;
    world.services.accounts.delete(&gone, &gone.user.uid).await.unwrap();
    refused!(world.sanction(&owner, Some(&room), &gone, Ban, seconds(1)).await, Error::NoSuch(Resource::User));
    refused!(world.lift(&owner, Some(&room), &gone).await, Error::NoSuch(Resource::Sanction));
    let nowhere = RoomUid::parse("nowhere00000").unwrap();
    refused!(world.sanction(&owner, Some(&nowhere), &owner, Ban, seconds(1)).await, Error::NoSuch(Resource::Room));
}

#[tokio::test]
async fn a_store_that_fails_sanctions_nobody_and_tells_nothing() {
    let (world, owner, room) = world_with_room().await;
    let (ann, admin) = (world.person("ann").await, world.ranked("adam", Rank::Admin).await);
    world.faults.always("log.append", Fault::Fail);
    let errors = [
        world.sanction(&owner, Some(&room), &ann, Ban, seconds(60)).await.unwrap_err(),
        world.sanction(&admin, None, &ann, Ban, seconds(60)).await.unwrap_err(),
        world.services.moderation.purge(&owner, &room, None).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::Failed(_)) && !error.to_string().contains("secret"), "{error:?}");
    }
    world.faults.heal();
    assert!(world.bus.is_silent(), "no login was ended for a ban that was not given");
    world.post(&ann, &room, "hi").await;
}
