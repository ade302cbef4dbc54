//! Sites and their keys.

use super::Subject;
use crate::builders::{NOON, frame_ancestor, later, room, site, site_key, site_uid};
use domain::model::id::{RoomId, SiteId};
use domain::model::login::EndedTokens;
use domain::model::room::RoomChange;
use domain::model::site::{Site, SiteChange};
use domain::model::site_key::{KEYS_MAX, KeyMaterial, SigningAlgorithm, SiteKey};
use domain::model::text::SiteName;
use domain::ports::bus::Notice;
use domain::ports::log::LogCommand;
use domain::ports::store::Deletion;

/// What was made is what is found.
pub async fn a_site_is_found_as_it_was_made(subject: Subject) {
    let ann = subject.user("ann").await;
    let new = site("Café \"50%\" 🦊", &ann).at("https://*.example.org").at("http://localhost:3000").build();
    let made = subject.sites.create(new.clone()).await.unwrap();
    let expected = Site {
        id: made.id,
        uid: new.uid,
        name: new.name,
        origins: new.origins,
        owner: ann.id,
        created_at: new.created_at,
    };
    assert_eq!(made, expected);
    assert_eq!(subject.sites.site(&made.uid).await.unwrap(), Some(expected));
    assert_eq!(subject.sites.site(&site_uid()).await.unwrap(), None);
    assert_eq!(subject.sites.keys(made.id).await.unwrap(), []);
    assert!(subject.bus.is_silent());
}

/// Pages go by id; of one owner, or of all.
pub async fn sites_are_listed_by_id_in_pages(subject: Subject) {
    let (ann, bob) = (subject.user("ann").await, subject.user("bob").await);
    let mut made = Vec::new();
    for (name, owner) in [("a", &ann), ("b", &bob), ("c", &ann), ("d", &ann)] {
        made.push(site(name, owner).create(&*subject.sites).await);
    }
    let list = async |owner, after, limit| -> Vec<SiteId> {
        let sites = subject.sites.list(owner, after, limit).await.unwrap();
        sites.into_iter().map(|site| site.id).collect()
    };
    assert_eq!(list(None, SiteId(0), 3).await, [made[0].id, made[1].id, made[2].id]);
    assert_eq!(list(None, made[2].id, 3).await, [made[3].id]);
    assert_eq!(list(Some(ann.id), SiteId(0), 2).await, [made[0].id, made[2].id]);
    assert_eq!(list(Some(ann.id), made[3].id, 2).await, []);
}

/// Name and origins change alone or together, and every node is told.
pub async fn a_site_changes_and_the_rest_stays(subject: Subject) {
    let ann = subject.user("ann").await;
    let made = site("a", &ann).at("https://a.example").create(&*subject.sites).await;
    let name = SiteName::parse("b").unwrap();
    let named = subject.sites.update(made.id, SiteChange { name: Some(name.clone()), origins: None }).await.unwrap();
    assert_eq!(named, Some(Site { name, ..made.clone() }));
    let change = SiteChange { name: None, origins: Some(vec![frame_ancestor("https://b.example")]) };
    let moved = subject.sites.update(made.id, change.clone()).await.unwrap().unwrap();
    assert_eq!(moved.origins, [frame_ancestor("https://b.example")]);
    assert_eq!(subject.sites.site(&made.uid).await.unwrap(), Some(moved));
    assert_eq!(subject.bus.notices(), vec![Notice::SiteChanged(made.uid.clone()); 2]);
    assert_eq!(subject.sites.update(SiteId(4_000_000), change).await.unwrap(), None);
}

/// Several keys at once, each as it was made.
pub async fn a_key_is_kept_as_it_was_made(subject: Subject) {
    let ann = subject.user("ann").await;
    let (a, b) = (site("a", &ann).create(&*subject.sites).await, site("b", &ann).create(&*subject.sites).await);
    let first = site_key(&a);
    let mut second = site_key(&a);
    second.algorithm = SigningAlgorithm::EdDsa;
    second.material = KeyMaterial("{\"kty\":\"OKP\"}".to_owned());
    second.created_at = later(5);
    let mut expected = Vec::new();
    for new in [first, second] {
        let made = subject.sites.add_key(new.clone()).await.unwrap().unwrap();
        let key = SiteKey {
            id: made.id,
            kid: new.kid,
            site: a.id,
            algorithm: new.algorithm,
            material: new.material,
            name: new.name,
            created_at: new.created_at,
            last_used_at: None,
        };
        assert_eq!(made, key);
        expected.push(key);
    }
    assert_eq!(subject.sites.keys(a.id).await.unwrap(), expected);
    assert_eq!(subject.sites.keys(b.id).await.unwrap(), []);
    assert_eq!(subject.bus.notices(), vec![Notice::SiteChanged(a.uid.clone()); 2]);
    let nowhere = Site { id: SiteId(4_000_000), ..a };
    assert_eq!(subject.sites.add_key(site_key(&nowhere)).await.unwrap(), None);
}

/// The others stay; a key of another site is not there.
pub async fn a_deleted_key_is_gone_and_what_it_signed_is_announced(subject: Subject) {
    let ann = subject.user("ann").await;
    let (a, b) = (site("a", &ann).create(&*subject.sites).await, site("b", &ann).create(&*subject.sites).await);
    let first = subject.sites.add_key(site_key(&a)).await.unwrap().unwrap();
    let second = subject.sites.add_key(site_key(&a)).await.unwrap().unwrap();
    subject.bus.clear();
    assert!(!subject.sites.delete_key(b.id, &first.kid).await.unwrap());
    assert!(subject.bus.is_silent());
    assert!(subject.sites.delete_key(a.id, &first.kid).await.unwrap());
    assert!(!subject.sites.delete_key(a.id, &first.kid).await.unwrap());
    assert_eq!(subject.sites.keys(a.id).await.unwrap(), [second]);
    let ended = Notice::SiteTokensEnded(EndedTokens::OfKeys(vec![first.id]));
    assert_eq!(subject.bus.notices(), [Notice::SiteChanged(a.uid), ended]);
}

/// One more is refused, and a deleted one makes room.
pub async fn a_site_has_no_more_keys_than_allowed(subject: Subject) {
    let ann = subject.user("ann").await;
    let a = site("a", &ann).create(&*subject.sites).await;
    let mut last = None;
    for _ in 0..KEYS_MAX {
        last = subject.sites.add_key(site_key(&a)).await.unwrap();
    }
    assert_eq!(subject.sites.add_key(site_key(&a)).await.unwrap(), None);
    assert!(subject.sites.delete_key(a.id, &last.unwrap().kid).await.unwrap());
    assert!(subject.sites.add_key(site_key(&a)).await.unwrap().is_some());
}

/// Its rooms belong to no site then; those of others are left alone.
pub async fn a_deleted_site_is_gone_with_its_keys_and_its_rooms_stay(subject: Subject) {
    let ann = subject.user("ann").await;
    let (a, b) = (site("a", &ann).create(&*subject.sites).await, site("b", &ann).create(&*subject.sites).await);
    let key = subject.sites.add_key(site_key(&a)).await.unwrap().unwrap();
    let mut rooms = Vec::new();
    for (name, site) in [("first", &a), ("second", &b)] {
        let made = room(name).of(site).create(&*subject.rooms, &ann).await;
        assert_eq!(made.site.as_ref(), Some(&site.uid));
        assert_eq!(subject.rooms.room(&made.uid).await.unwrap(), Some(made.clone()));
        rooms.push(made);
    }
    let moved = room("third").create(&*subject.rooms, &ann).await;
    let change = RoomChange { site: Some(Some(a.uid.clone())), ..RoomChange::default() };
    subject.done(moved.id, &ann, LogCommand::Configure { change: Box::new(change) }).await;
    subject.bus.clear();
    assert!(subject.sites.delete(a.id).await.unwrap());
    assert!(!subject.sites.delete(a.id).await.unwrap());
    let ended = Notice::SiteTokensEnded(EndedTokens::OfKeys(vec![key.id]));
    assert_eq!(subject.bus.notices(), [Notice::SiteChanged(a.uid.clone()), ended]);
    assert_eq!(subject.sites.site(&a.uid).await.unwrap(), None);
    assert_eq!(subject.sites.keys(a.id).await.unwrap(), []);
    let left = subject.rooms.list(None, RoomId::SERVER, 10).await.unwrap();
    assert_eq!(left.iter().map(|room| room.site.clone()).collect::<Vec<_>>(), [None, Some(b.uid), None]);
}

/// An account that goes leaves its sites to administrators.
pub async fn a_site_outlives_its_owner(subject: Subject) {
    let ann = subject.user("ann").await;
    let a = site("a", &ann).create(&*subject.sites).await;
    assert_eq!(subject.accounts.delete(ann.id, NOON).await.unwrap(), Deletion::Done);
    subject.accounts.free_names(later(91 * 86_400), 100).await.unwrap();
    let mut after = Some(domain::model::id::UserId(0));
    while let Some(from) = after {
        (_, after) = subject.accounts.forget_guests(later(10), later(10), from, 10).await.unwrap();
    }
    assert_eq!(subject.sites.site(&a.uid).await.unwrap(), Some(a));
}
