//! Users and their names.

use super::Subject;
use crate::builders::{NOON, PASSWORD, display_name, draft, later, network, post, user, username};
use crate::hasher::PlainHasher;
use domain::model::id::{RoomId, UserId, UserUid};
use domain::model::rank::Rank;
use domain::model::user::{Member, NewPassword, User, UserChange};
use domain::ports::store::{Deletion, StoreError};

fn names(users: &[User]) -> Vec<&str> {
    users.iter().map(|user| user.display_name.as_str()).collect()
}

fn names_of(members: &[Member]) -> Vec<&str> {
    members.iter().map(|member| member.user.display_name.as_str()).collect()
}

fn renamed(name: &str) -> UserChange {
    UserChange { display_name: Some(display_name(name)), ..UserChange::default() }
}

/// The store answers a health check.
pub async fn a_store_that_is_there_is_healthy(subject: Subject) {
    subject.health.check().await.unwrap();
}

/// What was made is what is found, in every field.
pub async fn a_user_is_found_by_id_and_by_uid_as_it_was_made(subject: Subject) {
    let new = user("Ann_1").shown_as("Ann 🦊").at("net").from("DE").rank(Rank::Admin).made_at(later(5)).build();
    let ann = subject.accounts.create(new.clone()).await.unwrap();
    assert_eq!(ann.uid, new.uid);
    assert_eq!(ann.username, Some(username("Ann_1")));
    assert_eq!(ann.display_name, display_name("Ann 🦊"));
    assert_eq!((ann.picture.as_ref(), ann.country.as_deref(), ann.rank), (None, Some("DE"), Rank::Admin));
    assert_eq!((ann.network.clone(), ann.created_at), (Some(network("net")), later(5)));
    assert_eq!(subject.accounts.user(ann.id).await.unwrap(), Some(ann.clone()));
    assert_eq!(subject.accounts.user_by_uid(&ann.uid).await.unwrap(), Some(ann));
}

/// Asking for nobody is no failure.
pub async fn nobody_is_none(subject: Subject) {
    subject.user("ann").await;
    assert_eq!(subject.accounts.user(UserId(4_000_000)).await.unwrap(), None);
    assert_eq!(subject.accounts.user_by_uid(&UserUid::parse("nobody0000").unwrap()).await.unwrap(), None);
    assert!(subject.accounts.credentials(&username("nobody")).await.unwrap().is_none());
    assert_eq!(subject.accounts.update(UserId(4_000_000), renamed("bob")).await.unwrap(), None);
    assert_eq!(subject.accounts.delete(UserId(4_000_000), NOON).await.unwrap(), Deletion::Gone);
}

/// Uids are compared by bytes: another case is another user.
pub async fn a_uid_in_another_case_is_another_uid(subject: Subject) {
    let ann = subject.user("ann").await;
    let other = UserUid::parse(&ann.uid.as_str().to_ascii_uppercase()).unwrap();
    assert_ne!(ann.uid, other);
    assert_eq!(subject.accounts.user_by_uid(&other).await.unwrap(), None);
}

/// Whoever logs in may type the name in any case; guests have no credentials.
pub async fn credentials_are_found_in_any_case(subject: Subject) {
    let ann = subject.user("Ann").await;
    subject.guest("bob").await;
    for typed in ["Ann", "ann", "ANN"] {
        let (found, hash) = subject.accounts.credentials(&username(typed)).await.unwrap().unwrap();
        assert_eq!((found, hash), (ann.clone(), PlainHasher::hash_of(PASSWORD)), "{typed}");
    }
    assert!(subject.accounts.credentials(&username("bob")).await.unwrap().is_none());
}

/// A name is taken in any case, in look-alike letters, and whether it is the username or the display name.
pub async fn a_name_that_looks_like_anothers_is_taken(subject: Subject) {
    user("paypal").shown_as("Money 🦊").create(&*subject.accounts).await;
    for taken in [
        user("PayPal"),
        user("paypa1"),
        user("other").shown_as("PAYPAL"),
        user("visitor").guest().shown_as("PAY_PAL!"),
        user("other").shown_as("money 🦊"),
        user("moneybag").shown_as("Möney ✓"),
    ] {
        let taken = taken.build();
        let result = subject.accounts.create(taken.clone()).await;
        assert!(matches!(result, Err(StoreError::NameTaken)), "{taken:?} gave {result:?}");
    }
    subject.user("payfriend").await;
}

/// A refusal writes nothing: what was not taken is free.
pub async fn a_refused_user_claims_no_name(subject: Subject) {
    subject.user("ann").await;
    let refused = user("bob").shown_as("ANN").build();
    assert!(matches!(subject.accounts.create(refused).await, Err(StoreError::NameTaken)));
    subject.user("bob").await;
    assert_eq!(names(&subject.accounts.list(None, UserId(0), 10).await.unwrap()), ["ann", "bob"]);
}

/// Renaming frees the old display name, and keeps the username.
pub async fn a_rename_frees_the_old_name(subject: Subject) {
    let ann = subject.user("ann").await;
    let guest = subject.guest("wanderer").await;
    subject.accounts.update(ann.id, renamed("Queen")).await.unwrap().unwrap();
    subject.accounts.update(guest.id, renamed("Nomad")).await.unwrap().unwrap();

    let taken = subject.accounts.update(guest.id, renamed("Ann")).await;
    assert!(matches!(taken, Err(StoreError::NameTaken)), "the username still is ann's: {taken:?}");
    subject.guest("wanderer").await;

    subject.accounts.update(ann.id, renamed("ann")).await.unwrap().unwrap();
    subject.guest("Queen").await;
}

/// One may take another reading of one's own name.
pub async fn a_name_may_change_into_its_own_look_alike(subject: Subject) {
    let ann = subject.user("ann").await;
    let changed = subject.accounts.update(ann.id, renamed("ANN")).await.unwrap().unwrap();
    assert_eq!(changed.display_name, display_name("ANN"));
    let again = subject.accounts.update(ann.id, renamed("ANN")).await.unwrap().unwrap();
    assert_eq!(again, changed);
}

/// A rename that is refused changes nothing else either.
pub async fn a_refused_rename_changes_nothing(subject: Subject) {
    subject.user("ann").await;
    let bob = subject.user("bob").await;
    let change = UserChange { picture: Some(Some("/p.png".into())), rank: Some(Rank::Admin), ..renamed("Ann") };
    assert!(matches!(subject.accounts.update(bob.id, change).await, Err(StoreError::NameTaken)));
    assert_eq!(subject.accounts.user(bob.id).await.unwrap(), Some(bob));
    let taken = subject.accounts.create(user("Bob").build()).await;
    assert!(matches!(taken, Err(StoreError::NameTaken)), "the old name is kept");
}

/// What is `None` in a change stays as it is.
pub async fn a_change_leaves_the_rest_alone(subject: Subject) {
    let ann = user("ann").at("home").from("DE").create(&*subject.accounts).await;
    let update = async |change| subject.accounts.update(ann.id, change).await.unwrap().unwrap();

    let same = update(UserChange::default()).await;
    assert_eq!(same, ann);

    let change = UserChange {
        picture: Some(Some("https://example.org/ä.png".into())),
        rank: Some(Rank::SuperMod),
        network: Some(network("work")),
        country: Some("FR".into()),
        password: Some(NewPassword { hash: PlainHasher::hash_of("another one"), keep: None }),
        ..UserChange::default()
    };
    let changed = update(change).await;
    let expected = User {
        picture: Some("https://example.org/ä.png".into()),
        rank: Rank::SuperMod,
        network: Some(network("work")),
        country: Some("FR".into()),
        ..ann.clone()
    };
    assert_eq!(changed, expected);
    let (stored, hash) = subject.accounts.credentials(&username("ann")).await.unwrap().unwrap();
    assert_eq!((stored, hash), (expected.clone(), PlainHasher::hash_of("another one")));

    let without = update(UserChange { picture: Some(None), ..UserChange::default() }).await;
    assert_eq!(without, User { picture: None, ..expected });
}

/// The key decides, not the name offered with it.
pub async fn the_same_key_is_the_same_guest(subject: Subject) {
    let first = subject.accounts.guest("key", user("one").guest().build()).await.unwrap();
    let again = subject.accounts.guest("key", user("two").guest().build()).await.unwrap();
    let other = subject.accounts.guest("KEY", user("three").guest().build()).await.unwrap();
    assert_eq!(again, first);
    assert_ne!(other.id, first.id);
    subject.user("two").await;
}

/// A new guest's name must be free; the same guest's was claimed already.
pub async fn a_new_guest_cannot_take_a_name(subject: Subject) {
    subject.user("ann").await;
    let taken = subject.accounts.guest("key", user("Ann").guest().build()).await;
    assert!(matches!(taken, Err(StoreError::NameTaken)), "{taken:?}");
    let made = subject.accounts.guest("key", user("bob").guest().build()).await.unwrap();
    let again = subject.accounts.guest("key", user("Ann").guest().build()).await.unwrap();
    assert_eq!(again.id, made.id);
}

/// A deleted user has no name, no login and no picture; a second deletion finds nobody.
pub async fn a_deleted_user_is_gone(subject: Subject) {
    let (lobby, owner) = subject.room("lobby", "olive").await;
    let ann = user("ann").shown_as("Queen").at("net").from("DE").create(&*subject.accounts).await;
    subject.post(lobby.id, &ann, "I was here").await;
    assert_eq!(subject.accounts.delete(ann.id, NOON).await.unwrap(), Deletion::Done);
    assert_eq!(subject.accounts.delete(ann.id, NOON).await.unwrap(), Deletion::Gone);

    assert_eq!(subject.accounts.user(ann.id).await.unwrap(), None);
    assert_eq!(subject.accounts.user_by_uid(&ann.uid).await.unwrap(), None);
    assert_eq!(subject.accounts.user_ever(&ann.uid).await.unwrap().unwrap().id, ann.id);
    assert!(subject.accounts.credentials(&username("ann")).await.unwrap().is_none());
    assert_eq!(subject.accounts.update(ann.id, renamed("bob")).await.unwrap(), None);
    assert_eq!(subject.accounts.find(lobby.id, "ann", 10).await.unwrap(), []);
    assert_eq!(names(&subject.accounts.list(None, UserId(0), 10).await.unwrap()), ["olive"]);
    assert_eq!(subject.rooms.members(lobby.id, &[ann.id, owner.id]).await.unwrap().len(), 1);
}

/// What a deleted user said stays, under "deleted user".
pub async fn a_deleted_users_messages_stay_without_the_name(subject: Subject) {
    let (lobby, _) = subject.room("lobby", "olive").await;
    let ann = user("ann").rank(Rank::Admin).at("net").from("DE").create(&*subject.accounts).await;
    let message = subject.post(lobby.id, &ann, "I was here").await;
    subject.accounts.delete(ann.id, NOON).await.unwrap();
    let stays = subject.history.message(message.id).await.unwrap().unwrap();
    assert_eq!((stays.text.as_str(), stays.seq), ("I was here", message.seq));
    let author = stays.author.user;
    assert_eq!((author.display_name.as_str(), author.rank), ("deleted user", Rank::Guest));
    assert_eq!((author.username, author.picture, author.country, author.network), (None, None, None, None));
}

/// Two deleted users share their name, so it is nobody's.
pub async fn many_users_may_be_deleted(subject: Subject) {
    for name in ["ann", "bob", "cid"] {
        let user = subject.user(name).await;
        assert_eq!(subject.accounts.delete(user.id, NOON).await.unwrap(), Deletion::Done);
    }
    assert_eq!(subject.accounts.list(None, UserId(0), 10).await.unwrap(), []);
}

/// The key of a deleted guest makes a new one.
pub async fn a_deleted_guest_is_made_anew(subject: Subject) {
    let first = subject.accounts.guest("key", user("one").guest().build()).await.unwrap();
    subject.accounts.delete(first.id, NOON).await.unwrap();
    let second = subject.accounts.guest("key", user("two").guest().build()).await.unwrap();
    assert_ne!(second.id, first.id);
    assert_eq!(second.display_name, display_name("two"));
}

/// By id, above the place where the last page ended.
pub async fn users_are_listed_by_id_in_pages(subject: Subject) {
    for name in ["eve", "ann", "dan", "bob", "cid"] {
        subject.user(name).await;
    }
    let first = subject.accounts.list(None, UserId(0), 2).await.unwrap();
    let second = subject.accounts.list(None, first[1].id, 2).await.unwrap();
    let third = subject.accounts.list(None, second[1].id, 2).await.unwrap();
    assert_eq!((names(&first), names(&second), names(&third)), (vec!["eve", "ann"], vec!["dan", "bob"], vec!["cid"]));
    assert_eq!(subject.accounts.list(None, third[0].id, 2).await.unwrap(), []);
}

/// A search finds parts of both names, in any case and script, and takes `%`, `_` and `\` as they are.
pub async fn a_search_finds_parts_of_names_literally(subject: Subject) {
    user("annabel").shown_as("Belle").create(&*subject.accounts).await;
    user("bob_1").shown_as("100% Bob").create(&*subject.accounts).await;
    user("bobx1").shown_as("ÄNNCHEN").create(&*subject.accounts).await;
    user("dan").shown_as("back\\slash").create(&*subject.accounts).await;
    for (search, expected) in [
        ("nnab", vec!["Belle"]),
        ("elle", vec!["Belle"]),
        ("bob_", vec!["100% Bob"]),
        ("0%", vec!["100% Bob"]),
        ("%", vec!["100% Bob"]),
        ("_", vec!["100% Bob"]),
        ("\\", vec!["back\\slash"]),
        ("änn", vec!["ÄNNCHEN"]),
        ("bob", vec!["100% Bob", "ÄNNCHEN"]),
        ("zzz", vec![]),
    ] {
        let found = subject.accounts.list(Some(search), UserId(0), 10).await.unwrap();
        assert_eq!(names(&found), expected, "{search}");
    }
}

/// A full name is found anywhere, in any case and script; with the rank held in the room.
pub async fn a_full_name_is_found_without_being_in_the_room(subject: Subject) {
    let (lobby, owner) = subject.room("lobby", "olga").await;
    user("ann").shown_as("Änne Ø").create(&*subject.accounts).await;
    for typed in ["ann", "ANN", "änne ø", "ÄNNE Ø"] {
        let found = subject.accounts.find(lobby.id, typed, 5).await.unwrap();
        assert_eq!(names_of(&found), ["Änne Ø"], "{typed}");
        assert_eq!(found[0].room_rank, None);
    }
    let found = subject.accounts.find(lobby.id, "olga", 5).await.unwrap();
    assert_eq!(found, [Member { user: owner, room_rank: Some(Rank::Owner), site_rank: None }]);
    assert_eq!(subject.accounts.find(RoomId::SERVER, "olga", 5).await.unwrap()[0].room_rank, None);
}

/// A full name wins over those that begin with it.
pub async fn a_full_name_wins_over_longer_ones(subject: Subject) {
    let (lobby, _) = subject.room("lobby", "olga").await;
    for name in ["annabel", "ann", "anna"] {
        let user = subject.user(name).await;
        subject.post(lobby.id, &user, name).await;
    }
    assert_eq!(names_of(&subject.accounts.find(lobby.id, "Ann", 5).await.unwrap()), ["ann"]);
}

/// The beginning of a name finds authors and appointed of that room only, by name and bounded.
pub async fn a_beginning_finds_those_around_in_the_room(subject: Subject) {
    let (lobby, owner) = subject.room("lobby", "annika").await;
    let (other, _) = subject.room("other", "olga").await;
    for (name, room) in [("anne", lobby.id), ("Annabel", lobby.id), ("annso", other.id), ("bob", lobby.id)] {
        let user = subject.user(name).await;
        subject.act(room, &user, post(draft("hi"))).await.unwrap();
        subject.act(room, &user, post(draft("hi again"))).await.unwrap();
    }
    subject.user("annquiet").await;
    let mut found = subject.accounts.find(lobby.id, "ANN", 5).await.unwrap();
    assert_eq!(names_of(&found), ["Annabel", "anne", "annika"]);
    assert_eq!(found.pop(), Some(Member { user: owner, room_rank: Some(Rank::Owner), site_rank: None }));
    assert_eq!(names_of(&subject.accounts.find(lobby.id, "ann", 2).await.unwrap()), ["Annabel", "anne"]);
    assert_eq!(subject.accounts.find(lobby.id, "nn", 5).await.unwrap(), []);
}

/// `%`, `_` and `\` stand for themselves at the beginning of a name too.
pub async fn a_beginning_is_taken_literally(subject: Subject) {
    let (lobby, _) = subject.room("lobby", "olga").await;
    for (name, shown) in [("a_b", "a_b"), ("axb", "axb"), ("percent", "50% off"), ("slash", "c\\d")] {
        let user = user(name).shown_as(shown).create(&*subject.accounts).await;
        subject.post(lobby.id, &user, "hi").await;
    }
    for (typed, expected) in
        [("a_", vec!["a_b"]), ("50%", vec!["50% off"]), ("c\\", vec!["c\\d"]), ("%", vec![]), ("_", vec![])]
    {
        assert_eq!(names_of(&subject.accounts.find(lobby.id, typed, 5).await.unwrap()), expected, "{typed}");
    }
}

/// How many were last seen at a network, and the highest of their ranks.
pub async fn whoever_is_behind_a_network_is_counted(subject: Subject) {
    user("ann").at("net").create(&*subject.accounts).await;
    let guest = user("bob").guest().at("net").create(&*subject.accounts).await;
    let admin = user("cid").rank(Rank::Admin).at("net").create(&*subject.accounts).await;
    user("dan").rank(Rank::Root).at("other").create(&*subject.accounts).await;
    let highest_rank_on_network = async |name| subject.history.highest_rank_on_network(&network(name)).await.unwrap();
    assert_eq!(highest_rank_on_network("net").await, (3, Some(Rank::Admin)));
    assert_eq!(highest_rank_on_network("nowhere").await, (0, None));

    let moved = UserChange { network: Some(network("other")), ..UserChange::default() };
    subject.accounts.update(admin.id, moved).await.unwrap();
    subject.accounts.delete(guest.id, NOON).await.unwrap();
    assert_eq!(highest_rank_on_network("net").await, (1, Some(Rank::Registered)));
    assert_eq!(highest_rank_on_network("other").await, (2, Some(Rank::Root)));
}

/// Instants survive to the millisecond, far away too.
pub async fn instants_survive_to_the_millisecond(subject: Subject) {
    for (name, at) in [("ann", NOON.0 + 1), ("bob", NOON.0 + 999), ("cid", 1), ("dan", 253_402_300_799_999)] {
        let at = domain::model::time::Timestamp(at);
        let made = user(name).made_at(at).create(&*subject.accounts).await;
        assert_eq!(subject.accounts.user(made.id).await.unwrap().unwrap().created_at, at);
    }
}
