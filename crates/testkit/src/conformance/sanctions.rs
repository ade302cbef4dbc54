//! Bans and timeouts: giving, replacing, lifting, ending, and whom they keep from writing.

use super::Subject;
use crate::builders::{NOON, draft, draft_named, give, later, lift, network, post, reason, sanction, user};
use domain::model::access::AccessContext;
use domain::model::event::{EventKind, ModerationAction};
use domain::model::id::{RoomId, Seq, UserId};
use domain::model::rank::Rank;
use domain::model::room::Room;
use domain::model::sanction::SanctionKind::{Ban, Timeout};
use domain::model::sanction::{NewSanction, Sanction, SanctionKind};
use domain::model::time::Timestamp;
use domain::model::user::{Member, User};
use domain::ports::log::{AppendError, AppendResult, LogCommand};

impl Subject {
    async fn sanction(&self, room: RoomId, by: &User, new: NewSanction) -> Sanction {
        let given_to = self.accounts.user(new.user).await.unwrap().unwrap();
        let to = self.member(room, &given_to).await;
        let place = (room != RoomId::SERVER).then_some(room);
        self.done(room, by, give(&to, new.clone())).await;
        self.history.sanction(place, new.user, new.kind, NOON).await.unwrap().expect("it is in force")
    }

    async fn say(&self, at: Timestamp, room: RoomId, author: &User, from: &str) -> Result<AppendResult, AppendError> {
        let command = LogCommand::Post { draft: draft("let me in"), network: Some(network(from)), pace: None };
        self.act_at(at, room, author, command).await
    }

    async fn access_context(&self, room: &Room, user: &User, from: &str, now: Timestamp) -> AccessContext {
        let from = network(from);
        self.history
            .access_context(&room.uid, Some(user.id), Some(&from), now)
            .await
            .unwrap()
            .expect("the room is there")
    }
}

fn is_refused(result: &Result<AppendResult, AppendError>, by: &Sanction) -> bool {
    matches!(result, Err(AppendError::Sanctioned(sanction)) if **sanction == *by)
}

/// What holds for everybody is read at once: settings, head, ranks and sanctions of one place, those in force.
pub async fn access_is_told_with_what_is_in_force_there(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let admin = user("adam").rank(Rank::Admin).create(&*subject.accounts).await;
    let (bob, kim) = (subject.user("bob").await, subject.user("kim").await);
    let to = Member { room_rank: Some(Rank::Vip), ..subject.member(lobby.id, &kim).await };
    let appoint = LogCommand::Appoint { subject: Box::new(to), action: ModerationAction::Vip };
    subject.done(lobby.id, &ann, appoint).await;
    let here = subject.sanction(lobby.id, &ann, sanction(Timeout, &bob, Some(later(60)))).await;
    let everywhere = subject.sanction(RoomId::SERVER, &admin, sanction(Ban, &kim, None)).await;
    let room_access = async |room: Option<&Room>, now, limit| {
        subject.history.room_access(room.map(|room| &room.uid), now, limit).await.unwrap()
    };

    let there = room_access(Some(&lobby), NOON, 2).await.unwrap();
    let heads = subject.history.heads(&[lobby.id, RoomId::SERVER]).await.unwrap();
    let head = |room| heads.iter().find(|(id, _)| *id == room).unwrap().1;
    assert_eq!((there.room.as_ref(), there.head, there.cut), (Some(&lobby), head(lobby.id), false));
    assert_eq!(there.ranks, [(ann.id, Rank::Owner), (kim.id, Rank::Vip)].into());
    assert_eq!(there.sanctions, std::slice::from_ref(&here));
    let all = room_access(None, NOON, 2).await.unwrap();
    assert_eq!((all.room, all.head, all.cut), (None, head(RoomId::SERVER), false));
    assert_eq!((all.ranks.len(), all.sanctions.as_slice()), (0, std::slice::from_ref(&everywhere)));

    assert_eq!(room_access(Some(&lobby), later(60), 2).await.unwrap().sanctions, [], "it ended");
    assert!(room_access(Some(&lobby), NOON, 1).await.unwrap().cut, "two ranks");
    subject.done(lobby.id, &ann, LogCommand::Close).await;
    assert_eq!(room_access(Some(&lobby), NOON, 2).await, None);
}

/// All that was said of it is kept: by whom, at what rank, since when, until when, why.
pub async fn a_sanction_is_kept_as_it_was_given(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let bob = user("bob").at("net").create(&*subject.accounts).await;
    let to = subject.member(lobby.id, &bob).await;
    let new = NewSanction {
        network: Some(network("net")),
        reason: reason("50% \"spam\" 🦊 \\o/"),
        ..sanction(Ban, &bob, Some(later(60)))
    };
    let event = subject.done(lobby.id, &ann, give(&to, new.clone())).await;
    let expected_kind = EventKind::Moderated {
        subject: Box::new(to),
        action: ModerationAction::Ban,
        until: Some(later(60)),
        reason: new.reason.to_string(),
    };
    assert_eq!((event.seq, event.actor, event.at, event.kind.clone()), (Seq(1), ann.id, NOON, expected_kind));
    assert_eq!(subject.bus.events(), std::slice::from_ref(&event));
    assert_eq!(subject.event_range(lobby.id, Seq::ZERO).await.events, [event]);

    let kept = subject.history.sanction(Some(lobby.id), bob.id, Ban, NOON).await.unwrap().unwrap();
    let expected = Sanction {
        id: kept.id,
        room: Some(lobby.id),
        user: bob.id,
        network: new.network,
        kind: Ban,
        reason: new.reason,
        by: ann.id,
        by_rank: Rank::Owner,
        starts_at: NOON,
        ends_at: Some(later(60)),
    };
    assert_eq!(kept, expected);
    let lines = subject.history.sanctions(Some(lobby.id), NOON, None, 10).await.unwrap();
    assert_eq!((lines.len(), &lines[0].sanction, &lines[0].user, &lines[0].by), (1, &expected, &bob, &ann));
    assert_eq!(subject.access_context(&lobby, &bob, "elsewhere", NOON).await.sanctions, [expected]);
}

/// Both kinds keep their subject from writing, in that room, from any network.
pub async fn whoever_is_sanctioned_may_not_write(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let (other, _) = subject.room("other", "olga").await;
    let (bob, cid) = (subject.user("bob").await, subject.user("cid").await);
    for (kind, to) in [(Ban, &bob), (Timeout, &cid)] {
        let given = subject.sanction(lobby.id, &ann, sanction(kind, to, Some(later(60)))).await;
        let refused = subject.say(NOON, lobby.id, to, "anywhere").await;
        assert!(is_refused(&refused, &given), "{refused:?}");
        subject.say(NOON, other.id, to, "anywhere").await.unwrap();
    }
    subject.say(NOON, lobby.id, &ann, "anywhere").await.unwrap();
    assert_eq!(subject.bus.seqs_of(lobby.id), [1, 2, 3].map(Seq), "a refusal takes no number");
}

/// It ends the moment its time is reached.
pub async fn a_sanction_ends_by_time(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let bob = subject.user("bob").await;
    let given = subject.sanction(lobby.id, &ann, sanction(Ban, &bob, Some(later(60)))).await;
    let last = Timestamp(later(60).0 - 1);
    assert!(is_refused(&subject.say(last, lobby.id, &bob, "net").await, &given));
    assert_eq!(subject.access_context(&lobby, &bob, "net", last).await.sanctions, [given]);

    let place = Some(lobby.id);
    assert_eq!(subject.access_context(&lobby, &bob, "net", later(60)).await.sanctions, []);
    assert_eq!(subject.history.sanction(place, bob.id, Ban, later(60)).await.unwrap(), None);
    assert_eq!(subject.history.sanctions(place, later(60), None, 10).await.unwrap(), []);
    let to = subject.member(lobby.id, &bob).await;
    let over = subject.act_at(later(60), lobby.id, &ann, lift(&to, Ban)).await;
    assert!(matches!(over, Err(AppendError::Missing)), "{over:?}");
    subject.say(later(60), lobby.id, &bob, "net").await.unwrap();
}

/// A second one of a kind replaces the first, longer or shorter; the other kind stands beside it.
pub async fn a_second_sanction_replaces_the_first_of_its_kind(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let bob = subject.user("bob").await;
    subject.sanction(lobby.id, &ann, sanction(Ban, &bob, None)).await;
    let timeout = subject.sanction(lobby.id, &ann, sanction(Timeout, &bob, Some(later(600)))).await;
    let ban = subject.sanction(lobby.id, &ann, sanction(Ban, &bob, Some(later(60)))).await;
    assert_eq!(ban.ends_at, Some(later(60)));

    let lines = subject.history.sanctions(Some(lobby.id), NOON, None, 10).await.unwrap();
    assert_eq!(lines.into_iter().map(|line| line.sanction).collect::<Vec<_>>(), [ban, timeout.clone()]);
    assert!(is_refused(&subject.say(later(60), lobby.id, &bob, "net").await, &timeout), "the first ban is no more");
    subject.say(later(600), lobby.id, &bob, "net").await.unwrap();
}

/// Lifting takes away one kind, and finds nothing the second time.
pub async fn a_sanction_is_lifted_once(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let (other, olga) = subject.room("other", "olga").await;
    let bob = subject.user("bob").await;
    subject.sanction(lobby.id, &ann, sanction(Ban, &bob, None)).await;
    let timeout = subject.sanction(lobby.id, &ann, sanction(Timeout, &bob, None)).await;
    let to = subject.member(lobby.id, &bob).await;

    let elsewhere = subject.act(other.id, &olga, lift(&to, Ban)).await;
    assert!(matches!(elsewhere, Err(AppendError::Missing)), "{elsewhere:?}");
    let event = subject.done(lobby.id, &ann, lift(&to, Ban)).await;
    let EventKind::Moderated { subject: lifted, action: ModerationAction::Unban, until: None, .. } = event.kind else {
        panic!("{event:?}")
    };
    assert_eq!((lifted.user.id, event.seq), (bob.id, Seq(3)));
    assert!(is_refused(&subject.say(NOON, lobby.id, &bob, "net").await, &timeout));

    let again = subject.act(lobby.id, &ann, lift(&to, Ban)).await;
    assert!(matches!(again, Err(AppendError::Missing)), "{again:?}");
    let event = subject.done(lobby.id, &ann, lift(&to, Timeout)).await;
    assert!(matches!(event.kind, EventKind::Moderated { action: ModerationAction::Untimeout, .. }), "{event:?}");
    subject.say(NOON, lobby.id, &bob, "net").await.unwrap();
    assert_eq!(subject.bus.seqs_of(lobby.id), [1, 2, 3, 4, 5].map(Seq));
}

/// Both kinds are lifted by one entry and told by one event, or none of them is.
pub async fn a_ban_and_a_timeout_are_lifted_together_or_not_at_all(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let (bob, keeper) = (subject.user("bob").await, subject.user("keeper").await);
    let to = subject.member(lobby.id, &keeper).await;
    let appoint = LogCommand::Appoint { subject: Box::new(to), action: ModerationAction::Mod };
    subject.done(lobby.id, &ann, appoint).await;
    let to = subject.member(lobby.id, &bob).await;
    let both = || LogCommand::Lift { subject: Box::new(to.clone()), kind: None };
    subject.sanction(lobby.id, &keeper, sanction(Ban, &bob, None)).await;
    subject.sanction(lobby.id, &ann, sanction(Timeout, &bob, None)).await;
    assert!(matches!(subject.act(lobby.id, &keeper, both()).await, Err(AppendError::Outranked)));
    assert_eq!(subject.history.sanctions_of(lobby.id, bob.id, NOON).await.unwrap().len(), 2);
    let event = subject.done(lobby.id, &ann, both()).await;
    assert!(matches!(event.kind, EventKind::Moderated { action: ModerationAction::Unban, .. }), "{event:?}");
    assert!(subject.history.sanctions_of(lobby.id, bob.id, NOON).await.unwrap().is_empty());
    subject.say(NOON, lobby.id, &bob, "net").await.unwrap();
}

/// After lifting, or after the end, one may be given anew.
pub async fn a_sanction_may_be_given_again(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let bob = subject.user("bob").await;
    let to = subject.member(lobby.id, &bob).await;
    subject.sanction(lobby.id, &ann, sanction(Ban, &bob, None)).await;
    subject.done(lobby.id, &ann, lift(&to, Ban)).await;
    subject.sanction(lobby.id, &ann, sanction(Ban, &bob, Some(later(10)))).await;
    let after_the_end = give(&to, sanction(Ban, &bob, Some(later(30))));
    subject.act_at(later(20), lobby.id, &ann, after_the_end).await.unwrap();
    let lines = subject.history.sanctions(Some(lobby.id), later(20), None, 10).await.unwrap();
    assert_eq!(lines.iter().map(|line| line.sanction.ends_at).collect::<Vec<_>>(), [Some(later(30))]);
}

/// In the server's log it holds in every room, beside what the rooms gave.
pub async fn a_sanction_of_the_server_holds_in_every_room(subject: Subject) {
    let (lobby, _) = subject.room("lobby", "ann").await;
    let (other, olga) = subject.room("other", "olga").await;
    let admin = user("adam").rank(Rank::Admin).create(&*subject.accounts).await;
    let bob = subject.user("bob").await;
    let before = subject.history.heads(&[RoomId::SERVER]).await.unwrap()[0].1.seq;

    let here = subject.sanction(other.id, &olga, sanction(Timeout, &bob, None)).await;
    let everywhere = subject.sanction(RoomId::SERVER, &admin, sanction(Ban, &bob, None)).await;
    assert_eq!((everywhere.room, everywhere.by_rank), (None, Rank::Admin));
    for room in [&lobby, &other] {
        assert!(is_refused(&subject.say(NOON, room.id, &bob, "net").await, &everywhere), "a ban counts first");
    }
    assert_eq!(subject.access_context(&lobby, &bob, "net", NOON).await.sanctions, std::slice::from_ref(&everywhere));
    let mut both = subject.access_context(&other, &bob, "net", NOON).await.sanctions;
    both.sort_by_key(|sanction| sanction.id);
    assert_eq!(both, [here.clone(), everywhere.clone()]);
    let lines = subject.history.sanctions(None, NOON, None, 10).await.unwrap();
    assert_eq!(lines.into_iter().map(|line| line.sanction).collect::<Vec<_>>(), [everywhere]);
    let lines = subject.history.sanctions(Some(other.id), NOON, None, 10).await.unwrap();
    assert_eq!(lines.into_iter().map(|line| line.sanction).collect::<Vec<_>>(), std::slice::from_ref(&here));

    let to = subject.member(RoomId::SERVER, &bob).await;
    let lifted = subject.done(RoomId::SERVER, &admin, lift(&to, Ban)).await;
    assert_eq!(lifted.seq, before.next().next(), "the server's log counts like any other");
    let heard = subject.event_range(RoomId::SERVER, before).await;
    assert_eq!(heard.events, subject.bus.events_of(RoomId::SERVER));
    assert_eq!((heard.events.len(), heard.head.seq), (2, lifted.seq));
    subject.say(NOON, lobby.id, &bob, "net").await.unwrap();
    assert!(is_refused(&subject.say(NOON, other.id, &bob, "net").await, &here));
}

/// A network's sanction stops guests and accounts made after it, not those who were there before.
pub async fn a_network_covers_guests_and_newer_accounts_only(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let culprit = user("culprit").guest().at("school").create(&*subject.accounts).await;
    let before = Timestamp(NOON.0 - 1);
    let guest = user("client").guest().made_at(before).create(&*subject.accounts).await;
    let old = user("old_one").made_at(before).create(&*subject.accounts).await;
    let new = user("newcomer").made_at(NOON).create(&*subject.accounts).await;
    let vouched = user("vouched").rank(Rank::SuperMod).made_at(later(1)).create(&*subject.accounts).await;
    let ban = NewSanction { network: Some(network("school")), ..sanction(Ban, &culprit, None) };
    let given = subject.sanction(lobby.id, &ann, ban).await;

    for (author, from, refused) in [
        (&culprit, "school", true),
        (&culprit, "home", true),
        (&guest, "school", true),
        (&guest, "SCHOOL", false),
        (&guest, "home", false),
        (&old, "school", false),
        (&new, "school", true),
        (&new, "home", false),
        (&vouched, "school", false),
    ] {
        let name = author.display_name.as_str();
        let access = subject.access_context(&lobby, author, from, later(2)).await;
        assert_eq!(access.sanctions, if refused { vec![given.clone()] } else { vec![] }, "{name} from {from}");
        let result = subject.say(later(2), lobby.id, author, from).await;
        assert_eq!(is_refused(&result, &given), refused, "{name} from {from}: {result:?}");
        assert_eq!(result.is_ok(), !refused, "{name} from {from}: {result:?}");
    }
}

/// A network's sanction spares whoever ranks as high there as its giver did, and covers whoever ranks below.
pub async fn a_network_spares_whom_the_giver_could_not_have_sanctioned(subject: Subject) {
    let (lobby, owner) = subject.room("lobby", "olive").await;
    let culprit = user("culprit").guest().at("school").create(&*subject.accounts).await;
    let mut keepers = Vec::new();
    for name in ["giver", "keeper"] {
        let new = user(name).made_at(later(1)).create(&*subject.accounts).await;
        let to = Member { user: new.clone(), room_rank: Some(Rank::Mod), site_rank: None };
        subject
            .done(lobby.id, &owner, LogCommand::Appoint { subject: Box::new(to), action: ModerationAction::Mod })
            .await;
        keepers.push(new);
    }
    let ban = NewSanction { network: Some(network("school")), ..sanction(Ban, &culprit, None) };
    let by_mod = subject.sanction(lobby.id, &keepers[0], ban.clone()).await;
    assert_eq!(by_mod.by_rank, Rank::Mod);
    subject.say(later(2), lobby.id, &keepers[1], "school").await.unwrap();
    assert_eq!(subject.access_context(&lobby, &keepers[1], "school", later(2)).await.sanctions, []);

    let by_owner = subject.sanction(lobby.id, &owner, ban).await;
    assert!(is_refused(&subject.say(later(2), lobby.id, &keepers[1], "school").await, &by_owner));
    assert_eq!(subject.access_context(&lobby, &keepers[1], "school", later(2)).await.sanctions, [by_owner]);
}

/// What holds everywhere is told by user and by network, latest first, whoever it covers.
pub async fn what_holds_everywhere_is_told_by_user_and_network(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let admin = user("adam").rank(Rank::Admin).create(&*subject.accounts).await;
    let (bob, cid, dan) = (subject.user("bob").await, subject.user("cid").await, subject.user("dan").await);
    subject.sanction(lobby.id, &ann, sanction(Ban, &bob, None)).await;
    let on_net = NewSanction { network: Some(network("net")), ..sanction(Ban, &bob, None) };
    let first = subject.sanction(RoomId::SERVER, &admin, on_net).await;
    let second = subject.sanction(RoomId::SERVER, &admin, sanction(Timeout, &bob, Some(later(60)))).await;
    let third = subject.sanction(RoomId::SERVER, &admin, sanction(Ban, &cid, None)).await;

    let told = async |user: Option<&User>, from: Option<&str>, now| {
        let from = from.map(network);
        subject.history.sanctions_everywhere(user.map(|user| user.id), from.as_ref(), now).await.unwrap()
    };
    assert_eq!(told(Some(&bob), None, NOON).await, [second.clone(), first.clone()]);
    assert_eq!(told(Some(&bob), None, later(60)).await, std::slice::from_ref(&first));
    assert_eq!(told(Some(&cid), Some("net"), NOON).await, [third, first.clone()]);
    assert_eq!(told(Some(&dan), Some("net"), NOON).await, std::slice::from_ref(&first));
    assert_eq!(told(None, Some("net"), NOON).await, [first]);
    assert_eq!(told(Some(&dan), Some("other"), NOON).await, []);
    assert_eq!(told(None, None, NOON).await, []);
}

/// Latest first, below the place where the last page ended, and only those in force.
pub async fn sanctions_are_listed_latest_first_in_pages(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let mut given = Vec::new();
    for (name, ends_at) in [("u_1", None), ("u_2", Some(later(5))), ("u_3", None), ("u_4", Some(later(50)))] {
        let user = subject.user(name).await;
        given.push(subject.sanction(lobby.id, &ann, sanction(Ban, &user, ends_at)).await);
    }
    let page = async |before, limit| -> Vec<Sanction> {
        let lines = subject.history.sanctions(Some(lobby.id), later(5), before, limit).await.unwrap();
        lines.into_iter().map(|line| line.sanction).collect()
    };
    assert_eq!(page(None, 2).await, [given[3].clone(), given[2].clone()]);
    assert_eq!(page(Some(given[2].id.0), 2).await, [given[0].clone()]);
    assert_eq!(page(Some(given[0].id.0), 2).await, []);
    let nobody = subject.history.sanction(Some(lobby.id), UserId(4_000_000), Ban, NOON).await.unwrap();
    assert_eq!(nobody, None);
    let other_kind = subject.history.sanction(Some(lobby.id), given[0].user, Timeout, NOON).await.unwrap();
    assert_eq!(other_kind, None);
}

/// Whoever repeats what stands there already is answered, banned or not; anything new is refused.
pub async fn a_repeat_is_answered_in_spite_of_a_ban(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let bob = subject.user("bob").await;
    let (message, _) = subject.post_draft(lobby.id, &bob, draft_named("hi", "n")).await;
    subject.sanction(lobby.id, &ann, sanction(Ban, &bob, None)).await;
    let (again, repeated) = subject.post_draft(lobby.id, &bob, draft_named("hi", "n")).await;
    assert_eq!((again, repeated), (message, true));
    let new = subject.act(lobby.id, &bob, post(draft_named("hi", "m"))).await;
    assert!(matches!(new, Err(AppendError::Sanctioned(_))), "{new:?}");
}

/// The log shows a deleted user without a name, as giver and as subject.
pub async fn the_log_forgets_the_names_of_the_deleted(subject: Subject) {
    let (lobby, _) = subject.room("lobby", "olive").await;
    let ann = user("ann").rank(Rank::Admin).create(&*subject.accounts).await;
    let bob = user("bob").at("net").create(&*subject.accounts).await;
    subject.sanction(lobby.id, &ann, sanction(Ban, &bob, None)).await;
    subject.accounts.delete(bob.id, NOON).await.unwrap();
    subject.accounts.delete(ann.id, NOON).await.unwrap();
    let lines = subject.history.log(lobby.id, None, 10).await.unwrap();
    assert_eq!(lines[0].actor.display_name.as_str(), "deleted user");
    let EventKind::Moderated { subject: banned, .. } = &lines[0].event.kind else { panic!("{lines:?}") };
    assert_eq!((banned.user.id, banned.user.display_name.as_str()), (bob.id, "deleted user"));
    let told = subject.event_range(lobby.id, Seq::ZERO).await.events;
    assert!(!format!("{told:?}").contains("\"bob\""), "{told:?}");
}

/// The kinds have their own measures.
pub async fn a_timeout_is_told_as_a_timeout(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let bob = subject.user("bob").await;
    let to = subject.member(lobby.id, &bob).await;
    let kinds: [(SanctionKind, ModerationAction); 2] =
        [(Ban, ModerationAction::Ban), (Timeout, ModerationAction::Timeout)];
    for (kind, expected) in kinds {
        let event = subject.done(lobby.id, &ann, give(&to, sanction(kind, &bob, None))).await;
        assert!(matches!(&event.kind, EventKind::Moderated { action, until: None, .. } if *action == expected));
        let line = subject.history.log(lobby.id, None, 1).await.unwrap().pop().unwrap();
        assert_eq!(line.event, event);
    }
}

/// One user's sanctions in one room: neither others' nor those elsewhere nor those that ended.
pub async fn the_sanctions_of_one_user_are_told_with_their_people(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let (other, bob) = subject.room("other", "bob").await;
    let eve = subject.user("eve").await;
    let give_to = async |room: RoomId, by: &User, to: &User, kind: SanctionKind, until: Option<Timestamp>| {
        let member = subject.member(room, to).await;
        subject.done(room, by, give(&member, sanction(kind, to, until))).await;
    };
    give_to(lobby.id, &ann, &eve, SanctionKind::Ban, None).await;
    give_to(lobby.id, &ann, &eve, SanctionKind::Timeout, Some(later(60))).await;
    give_to(lobby.id, &ann, &bob, SanctionKind::Ban, None).await;
    give_to(other.id, &bob, &eve, SanctionKind::Ban, None).await;
    let kinds = async |at: Timestamp| -> Vec<SanctionKind> {
        let lines = subject.history.sanctions_of(lobby.id, eve.id, at).await.unwrap();
        assert!(lines.iter().all(|line| line.user == eve && line.by == ann), "{lines:?}");
        lines.iter().map(|line| line.sanction.kind).collect()
    };
    assert_eq!(kinds(NOON).await, [SanctionKind::Timeout, SanctionKind::Ban]);
    assert_eq!(kinds(later(60)).await, [SanctionKind::Ban]);
    assert_eq!(subject.history.sanctions_of(other.id, bob.id, NOON).await.unwrap(), []);
}

/// What is over is forgotten, as many at a time as was said; what is in force stays.
pub async fn sanctions_that_are_over_are_forgotten_a_few_at_a_time(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let mut ends = [None, Some(later(50)), Some(later(10)), Some(later(10)), Some(later(10))].into_iter();
    for name in ["bob", "eve", "joe", "kim", "leo"] {
        let user = subject.user(name).await;
        subject.sanction(lobby.id, &ann, sanction(Ban, &user, ends.next().unwrap())).await;
    }
    let forget = async |at: Timestamp, limit: usize| subject.rooms.forget_sanctions(at, limit).await.unwrap();
    assert_eq!(forget(later(10), 10).await, 0, "the last instant is not over yet");
    assert_eq!([forget(later(11), 2).await, forget(later(11), 2).await, forget(later(11), 2).await], [2, 1, 0]);
    let left = subject.history.sanctions(Some(lobby.id), later(20), None, 10).await.unwrap();
    assert_eq!(left.iter().map(|line| line.sanction.ends_at).collect::<Vec<_>>(), [Some(later(50)), None]);
}
