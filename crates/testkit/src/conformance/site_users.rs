//! Whom sites sign in.

use super::Subject;
use crate::builders::{self, NOON, display_name, later, room, sign_in, site, site_key};
use domain::model::id::{RoomId, SiteId};
use domain::model::login::{EndedTokens, SiteTokenId};
use domain::model::rank::Rank;
use domain::model::site::Site;
use domain::model::site_key::SiteKey;
use domain::model::time::Timestamp;
use domain::model::user::{Member, SiteMembership, User};
use domain::ports::bus::Notice;
use domain::ports::log::LogCommand;
use domain::ports::readers::Position;
use domain::ports::store::{Deletion, SignIn, SignInResult, SiteUser};

impl Subject {
    async fn example(&self) -> (Site, User) {
        let ann = self.user("ann").await;
        (site("Example", &ann).create(&*self.sites).await, ann)
    }

    async fn key_of(&self, site: &Site) -> SiteKey {
        self.sites.add_key(site_key(site)).await.unwrap().unwrap()
    }

    async fn signed_in(&self, login: SignIn) -> SiteUser {
        match self.sites.sign_in(login).await.unwrap() {
            SignInResult::Done(known) => *known,
            refused => panic!("a good token: {refused:?}"),
        }
    }
}

/// A site that is gone has none.
pub async fn a_site_and_its_keys_are_read_together(subject: Subject) {
    let (example, ann) = subject.example().await;
    let other = site("Other", &ann).create(&*subject.sites).await;
    subject.key_of(&other).await;
    let keys = vec![subject.key_of(&example).await, subject.key_of(&example).await];
    assert_eq!(subject.sites.signing(&example.uid).await.unwrap(), Some((example.clone(), keys)));
    subject.sites.delete(example.id).await.unwrap();
    assert_eq!(subject.sites.signing(&example.uid).await.unwrap(), None);
}

/// Nobody is told: it changes nothing.
pub async fn the_use_of_a_key_is_noted(subject: Subject) {
    let (example, _) = subject.example().await;
    let (first, second) = (subject.key_of(&example).await, subject.key_of(&example).await);
    subject.bus.clear();
    subject.sites.key_used(second.id, later(5)).await.unwrap();
    let expected = [first, SiteKey { last_used_at: Some(later(5)), ..second }];
    assert_eq!(subject.sites.keys(example.id).await.unwrap(), expected);
    assert!(subject.bus.is_silent());
}

/// The same subject of another site is somebody else.
pub async fn a_subject_of_a_site_is_one_user_for_ever(subject: Subject) {
    let (example, ann) = subject.example().await;
    let other = site("Other", &ann).create(&*subject.sites).await;
    let name = "ü/%?'\"\\ 🦊";
    let login = SignIn {
        name: Some(display_name("Bea")),
        picture: Some("https://a.example/b.png".to_owned()),
        rank: Some(Rank::Mod),
        country: Some("DE".to_owned()),
        ..sign_in(&example, name)
    };
    let made = subject.signed_in(login.clone()).await;
    let expected = User {
        id: made.user.id,
        uid: login.new_uid.clone(),
        username: None,
        display_name: display_name("Bea"),
        picture: login.picture.clone(),
        country: login.country.clone(),
        rank: Rank::Registered,
        network: Some(login.network.clone()),
        created_at: NOON,
        site: Some(SiteMembership { site: example.uid.clone(), rank: Some(Rank::Mod) }),
    };
    assert_eq!(made, SiteUser { user: expected.clone(), issued_at: NOON, issued_from: Timestamp(0) });
    assert_eq!(subject.accounts.user(made.user.id).await.unwrap(), Some(expected));
    assert_eq!(subject.sites.site_user(example.id, name).await.unwrap(), Some(made.clone()));
    let again = subject.signed_in(SignIn { issued_at: later(60), at: later(60), ..login.clone() }).await;
    assert_eq!(again, SiteUser { issued_at: later(60), ..made.clone() });
    let elsewhere = subject.signed_in(sign_in(&other, name)).await;
    assert_ne!(elsewhere.user.id, made.user.id);
    let cased = subject.signed_in(sign_in(&example, &name.to_uppercase())).await;
    assert_ne!(cased.user.id, made.user.id, "another case is another subject");
    assert!(subject.bus.notices().iter().all(|notice| matches!(notice, Notice::SiteChanged(_))), "nobody changed");
    let nowhere = SignIn { site: SiteId(4_000_000), ..login };
    assert_eq!(subject.sites.sign_in(nowhere).await.unwrap(), SignInResult::NoSite);
    assert_eq!(subject.sites.site_user(example.id, "nobody").await.unwrap(), None);
}

/// An older token changes nothing; of two of one instant the later one to come counts.
pub async fn a_user_is_as_the_newest_token_says(subject: Subject) {
    let (example, _) = subject.example().await;
    let login = |issued_at, name: Option<&str>, rank| SignIn {
        issued_at,
        name: name.map(display_name),
        rank,
        picture: name.map(|name| format!("https://a.example/{name}.png")),
        ..sign_in(&example, "1")
    };
    let first = subject.signed_in(login(later(10), None, None)).await.user;
    assert_eq!(first.display_name.as_str(), format!("User-{}", &first.uid.as_str()[..6]));
    let mut told = 0;
    for (issued_at, name, rank, shown, held) in [
        (10, Some("Bea"), Some(Rank::Mod), "Bea", Some(Rank::Mod)),
        (9, Some("Old"), None, "Bea", Some(Rank::Mod)),
        (11, Some("Bea"), Some(Rank::Mod), "Bea", Some(Rank::Mod)),
        (12, None, None, "Bea", None),
        (11, Some("Old"), Some(Rank::Owner), "Bea", None),
        (13, Some("Cleo"), Some(Rank::Vip), "Cleo", Some(Rank::Vip)),
    ] {
        let before = subject.accounts.user(first.id).await.unwrap().unwrap();
        let user = subject.signed_in(login(later(issued_at), name, rank)).await.user;
        let rank = user.site.as_ref().and_then(|site| site.rank);
        assert_eq!((user.display_name.as_str(), rank), (shown, held), "{issued_at}");
        assert_eq!(subject.accounts.user(first.id).await.unwrap().as_ref(), Some(&user));
        told += usize::from(before != user);
        let mut changes = subject.bus.notices().into_iter().filter(|notice| matches!(notice, Notice::UserChanged(_)));
        assert_eq!(changes.clone().count(), told, "{issued_at}");
        if before != user {
            assert_eq!(changes.next_back(), Some(Notice::UserChanged(Box::new(user))));
        }
    }
}

/// Two of one site may share a name, also with an account, which keeps its own.
pub async fn names_that_a_site_gives_are_nobodys(subject: Subject) {
    let (example, ann) = subject.example().await;
    for name in ["1", "2"] {
        let login = SignIn { name: Some(display_name("ann")), ..sign_in(&example, name) };
        assert_eq!(subject.signed_in(login).await.user.display_name, ann.display_name);
    }
    let login = SignIn { name: Some(display_name("Bob")), ..sign_in(&example, "3") };
    let bob = subject.signed_in(login).await.user;
    assert_eq!(subject.user("bob").await.username.unwrap().as_str(), "bob");
    assert_eq!(subject.accounts.delete(bob.id, NOON).await.unwrap(), Deletion::Done);
    assert!(subject.accounts.credentials(&builders::username("bob")).await.unwrap().is_some());
}

/// Also for one who never came: a token may be on its way.
pub async fn tokens_end_for_a_subject_before_and_after_it_came(subject: Subject) {
    let (example, _) = subject.example().await;
    let known = subject.signed_in(sign_in(&example, "1")).await;
    subject.bus.clear();
    for name in ["1", "2"] {
        subject.sites.end_tokens(example.id, name, later(10)).await.unwrap();
        // A clock that goes back revives nothing.
        subject.sites.end_tokens(example.id, name, later(5)).await.unwrap();
    }
    let ended = EndedTokens::OfUser { user: known.user.id, issued_before: later(10) };
    assert_eq!(subject.bus.notices(), vec![Notice::SiteTokensEnded(ended); 2]);
    for name in ["1", "2"] {
        for (issued_at, good) in [(0, false), (9, false), (10, true)] {
            let login = SignIn { issued_at: later(issued_at), ..sign_in(&example, name) };
            let result = subject.sites.sign_in(login).await.unwrap();
            assert_eq!(result != SignInResult::Ended, good, "{name} {issued_at}");
        }
    }
    let told = subject.sites.site_user(example.id, "1").await.unwrap().unwrap();
    assert_eq!(told, SiteUser { issued_at: later(10), issued_from: later(10), ..known.clone() });
    subject.sites.end_tokens_of(known.user.id, later(20)).await.unwrap();
    assert_eq!(subject.sites.site_user(example.id, "1").await.unwrap().unwrap().issued_from, later(20));
    subject.sites.end_tokens(SiteId(4_000_000), "1", NOON).await.unwrap();
    subject.sites.end_tokens_of(subject.user("bob").await.id, NOON).await.unwrap();
}

/// Neither somebody new nor another name.
pub async fn an_ended_token_makes_and_changes_nobody(subject: Subject) {
    let (example, _) = subject.example().await;
    let known = subject.signed_in(sign_in(&example, "1")).await.user;
    for name in ["1", "2"] {
        subject.sites.end_tokens(example.id, name, later(10)).await.unwrap();
        let login = SignIn { issued_at: later(9), name: Some(display_name("Bea")), ..sign_in(&example, name) };
        assert_eq!(subject.sites.sign_in(login).await.unwrap(), SignInResult::Ended);
    }
    assert_eq!(subject.accounts.user(known.id).await.unwrap(), Some(known));
    assert_eq!(subject.sites.site_user(example.id, "2").await.unwrap(), None);
    // The next token but one says nothing of it any more.
    subject.sites.end_tokens(example.id, "3", later(90_000 + 20)).await.unwrap();
    let result = subject.sites.sign_in(SignIn { issued_at: later(9), ..sign_in(&example, "2") }).await.unwrap();
    assert!(matches!(result, SignInResult::Done(_)), "what is over for long is forgotten");
}

/// By their key, their site or their user, and not the others.
pub async fn tokens_that_are_over_are_told(subject: Subject) {
    let (example, ann) = subject.example().await;
    let other = site("Other", &ann).create(&*subject.sites).await;
    let mut tokens = Vec::new();
    for (site, name) in [(&example, "1"), (&example, "2"), (&example, "3"), (&other, "1")] {
        let (user, key) = (subject.signed_in(sign_in(site, name)).await.user.id, subject.key_of(site).await);
        tokens.push((key.kid, SiteTokenId { key: key.id, user, issued_at: NOON, expires_at: later(60) }));
    }
    let ended = async || {
        let all: Vec<SiteTokenId> = tokens.iter().map(|(_, token)| *token).collect();
        let ended = subject.sites.ended(&all).await.unwrap();
        all.iter().map(|token| ended.contains(token)).collect::<Vec<_>>()
    };
    assert_eq!(subject.sites.ended(&[]).await.unwrap(), []);
    assert_eq!(ended().await, [false; 4]);
    subject.sites.delete_key(example.id, &tokens[0].0).await.unwrap();
    assert_eq!(ended().await, [true, false, false, false]);
    subject.sites.end_tokens(example.id, "2", later(1)).await.unwrap();
    assert_eq!(ended().await, [true, true, false, false]);
    subject.accounts.delete(tokens[2].1.user, later(1)).await.unwrap();
    assert_eq!(ended().await, [true, true, true, false]);
    subject.sites.delete(other.id).await.unwrap();
    assert_eq!(ended().await, [true; 4]);
}

/// Nothing of whom a site called so before.
pub async fn an_erased_user_is_made_anew_by_a_later_token(subject: Subject) {
    let (example, _) = subject.example().await;
    let first = subject.signed_in(SignIn { rank: Some(Rank::Mod), ..sign_in(&example, "1") }).await.user;
    assert_eq!(subject.accounts.delete(first.id, later(10)).await.unwrap(), Deletion::Done);
    assert_eq!(subject.accounts.user(first.id).await.unwrap(), None);
    let ever = subject.accounts.user_ever(&first.uid).await.unwrap().unwrap();
    assert_eq!((ever.site, ever.picture, ever.display_name.as_str()), (None, None, "deleted user"));
    assert_eq!(subject.sites.site_user(example.id, "1").await.unwrap(), None);
    let old = SignIn { issued_at: later(9), ..sign_in(&example, "1") };
    assert_eq!(subject.sites.sign_in(old).await.unwrap(), SignInResult::Ended);
    let second = subject.signed_in(SignIn { issued_at: later(10), ..sign_in(&example, "1") }).await.user;
    assert_ne!(second.id, first.id);
}

/// However many come at once with the same or with other tokens.
pub async fn many_sign_in_at_once_and_each_is_made_once(subject: Subject) {
    let (example, _) = subject.example().await;
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..400_i64 {
        let (sites, login) = (subject.sites.clone(), sign_in(&example, &(n % 100).to_string()));
        let login = SignIn { issued_at: later(n / 100), ..login };
        calls.spawn(async move { (n % 100, sites.sign_in(login).await.unwrap()) });
    }
    let mut users = std::collections::HashMap::new();
    for (name, result) in calls.join_all().await {
        let SignInResult::Done(known) = result else { panic!("a good token: {result:?}") };
        assert_eq!(*users.entry(name).or_insert(known.user.id), known.user.id, "{name}");
    }
    assert_eq!(users.len(), 100);
    for name in 0..100 {
        let known = subject.sites.site_user(example.id, &name.to_string()).await.unwrap().unwrap();
        assert_eq!((known.user.id, known.issued_at), (users[&name], later(3)));
    }
}

/// It shows wherever the user does, beside the rank that was given in a room.
pub async fn a_rank_of_a_site_holds_in_all_its_rooms_and_in_no_other(subject: Subject) {
    let (example, ann) = subject.example().await;
    let inside = room("inside").of(&example).create(&*subject.rooms, &ann).await;
    let outside = room("outside").create(&*subject.rooms, &ann).await;
    let bea = subject.signed_in(SignIn { rank: Some(Rank::Mod), ..sign_in(&example, "1") }).await.user;
    for (room, site_rank) in [(&inside, Some(Rank::Mod)), (&outside, None)] {
        let expected = Member { user: bea.clone(), room_rank: None, site_rank };
        assert_eq!(subject.member(room.id, &bea).await, expected);
        let access = subject.history.access_context(&room.uid, Some(bea.id), None, NOON).await.unwrap().unwrap();
        assert_eq!(access.member, Some(expected.clone()));
        let message = subject.post(room.id, &bea, "hi").await;
        assert_eq!(message.author, expected);
        let (page, _) = subject.history.messages(room.id, Position::End, 10).await.unwrap();
        assert_eq!(page, std::slice::from_ref(&message));
        assert_eq!(subject.history.message(message.id).await.unwrap(), Some(message.clone()));
        let (_, latest) = subject.history.snapshot(room.id, 10).await.unwrap().unwrap();
        assert_eq!(latest, std::slice::from_ref(&message));
        let range = subject.event_range(room.id, domain::model::id::Seq::ZERO).await;
        assert_eq!(range.events, subject.bus.events_of(room.id));
        let found = subject.accounts.find(room.id, bea.display_name.as_str(), 5).await.unwrap();
        assert_eq!(found, std::slice::from_ref(&expected));
        let pin = LogCommand::Pin { message: message.id };
        subject.done(room.id, &ann, pin).await;
        let pinned = subject.rooms.room(&room.uid).await.unwrap().unwrap().pinned.unwrap();
        assert_eq!(pinned.author, expected);
    }
    assert_eq!(subject.member(RoomId::SERVER, &bea).await.site_rank, None);
    // What the rank allows is asked again when it is written.
    let delete = subject.post(inside.id, &ann, "x").await;
    let bob = subject.user("bob").await;
    let theirs = subject.post(inside.id, &bob, "y").await;
    assert!(
        subject.act(inside.id, &bea, LogCommand::Delete { message: delete.id }).await.is_err(),
        "the owner ranks above"
    );
    let actor = subject.member(inside.id, &bea).await;
    subject.done(inside.id, &bea, LogCommand::Delete { message: theirs.id }).await;
    let mine = subject.post(inside.id, &bob, "z").await;
    subject.signed_in(SignIn { issued_at: later(1), ..sign_in(&example, "1") }).await;
    let late = builders::entry(inside.id, &actor, LogCommand::Delete { message: mine.id });
    let refused = subject.log.append(late).await;
    assert!(matches!(refused, Err(domain::ports::log::AppendError::AuthorityLost)), "{refused:?}");
    let given = Member { room_rank: Some(Rank::Vip), ..subject.member(inside.id, &bea).await };
    let command =
        LogCommand::Appoint { subject: Box::new(given.clone()), action: domain::model::event::ModerationAction::Vip };
    subject.done(inside.id, &ann, command).await;
    assert_eq!(subject.member(inside.id, &bea).await, given);
    let listed = subject.rooms.appointed(inside.id).await.unwrap();
    assert!(listed.contains(&given), "{listed:?}");
}

/// They keep their messages, and come back by no token.
pub async fn the_users_of_a_deleted_site_stay_without_rights(subject: Subject) {
    let (example, ann) = subject.example().await;
    let inside = room("inside").of(&example).create(&*subject.rooms, &ann).await;
    let bea = subject.signed_in(SignIn { rank: Some(Rank::Owner), ..sign_in(&example, "1") }).await.user;
    assert_eq!(subject.member(inside.id, &bea).await.rank(), Rank::Owner);
    assert!(subject.sites.delete(example.id).await.unwrap());
    assert_eq!(subject.member(inside.id, &bea).await.rank(), Rank::Registered);
    assert_eq!(subject.accounts.user(bea.id).await.unwrap(), Some(bea));
    assert_eq!(subject.sites.site_user(example.id, "1").await.unwrap(), None);
    assert_eq!(subject.sites.sign_in(sign_in(&example, "1")).await.unwrap(), SignInResult::NoSite);
}
