//! Sites and their keys, and which rooms belong to them.
#![expect(clippy::unwrap_used, reason = "tests: what is not there fails the test")]

mod support;

use domain::model::id::{SiteId, SiteUid};
use domain::model::rank::Rank;
use domain::model::site_key::{KEYS_MAX, KeyKind, Kid, SigningAlgorithm};
use domain::policy::Denied;
use domain::ports::bus::Notice;
use domain::ports::effects::Quota;
use domain::service::error::{Error, Resource};
use domain::service::rooms::RoomEdit;
use domain::service::sites::{KeyRequest, SiteEdit};
use domain::service::{Caller, Settings};
use support::{SETTINGS, World};

fn open() -> World {
    World::with(Settings { site_creation: Rank::Registered, ..SETTINGS })
}

async fn site(world: &World, owner: &Caller) -> SiteUid {
    world.services.sites.create(owner, "Example", &[]).await.unwrap().uid
}

fn secret() -> KeyRequest {
    KeyRequest { kind: "secret".to_owned(), ..KeyRequest::default() }
}

#[tokio::test]
async fn the_setting_says_who_makes_sites() {
    for least in [Rank::Registered, Rank::Admin] {
        let world = World::with(Settings { site_creation: least, ..SETTINGS });
        let all = [world.guest("x").await, world.person("ann").await, world.ranked("adam", Rank::Admin).await];
        for caller in &all {
            let made = world.services.sites.create(caller, "Example", &[]).await;
            if caller.user.rank >= least {
                assert_eq!(made.unwrap().owner, caller.user.id);
            } else {
                refused!(made, Error::Denied(Denied::Rank { least: l }) if l == least);
            }
        }
    }
}

#[tokio::test]
async fn whoever_may_not_write_anywhere_makes_no_site() {
    let world = open();
    let (adam, ann) = (world.ranked("adam", Rank::Admin).await, world.person("ann").await);
    let timeout = domain::model::sanction::SanctionKind::Timeout;
    world.sanction(&adam, None, &ann, timeout, support::seconds(60)).await.unwrap();
    refused!(world.services.sites.create(&ann, "Example", &[]).await, Error::Sanctioned { .. });
}

#[tokio::test]
async fn sites_are_counted() {
    let world = World::limited();
    let adam = world.ranked("adam", Rank::Admin).await;
    let uid = site(&world, &adam).await;
    world.services.sites.add_key(&adam, &uid, secret()).await.unwrap();
    assert_eq!(world.limiter.total(Quota::CreateSite), 2);
}

#[tokio::test]
async fn only_those_who_manage_a_site_see_and_change_it() {
    let world = open();
    let (ann, bob, adam) =
        (world.person("ann").await, world.person("bob").await, world.ranked("adam", Rank::Admin).await);
    let keeper = world.ranked("super_", Rank::SuperMod).await;
    let uid = site(&world, &ann).await;
    let sites = &world.services.sites;
    for stranger in [&bob, &keeper] {
        refused!(sites.site(stranger, &uid).await, Error::Denied(Denied::Rank { least: Rank::Owner }));
        refused!(sites.change(stranger, &uid, SiteEdit::default()).await, Error::Denied(_));
        refused!(sites.delete(stranger, &uid).await, Error::Denied(_));
        refused!(sites.keys(stranger, &uid).await, Error::Denied(_));
        assert!(matches!(sites.add_key(stranger, &uid, secret()).await, Err(Error::Denied(_))));
        assert_eq!(sites.list(stranger, SiteId(0), 10).await.unwrap(), []);
    }
    for manager in [&ann, &adam] {
        assert_eq!(sites.list(manager, SiteId(0), 10).await.unwrap(), [sites.site(manager, &uid).await.unwrap()]);
    }
    let edit = SiteEdit { name: Some(" Other ".to_owned()), origins: Some(vec!["https://a.example/".to_owned()]) };
    let changed = sites.change(&adam, &uid, edit.clone()).await.unwrap();
    assert_eq!((changed.name.as_str(), changed.origins[0].as_str()), ("Other", "https://a.example"));
    world.bus.clear();
    assert_eq!(sites.change(&ann, &uid, edit).await.unwrap(), changed);
    assert!(world.bus.is_silent(), "nothing changed");
    sites.delete(&ann, &uid).await.unwrap();
    refused!(sites.site(&ann, &uid).await, Error::NoSuch(Resource::Site));
    refused!(sites.delete(&ann, &uid).await, Error::NoSuch(Resource::Site));
}

#[tokio::test]
async fn what_is_wrong_with_a_site_is_named() {
    let world = open();
    let ann = world.person("ann").await;
    let sites = &world.services.sites;
    for (name, origin, field) in [
        ("", "https://a.example", "name"),
        ("a\u{0}", "https://a.example", "name"),
        ("Example", "a.example", "origins"),
        ("Example", "https://*.com", "origins"),
    ] {
        let made = sites.create(&ann, name, &[origin.to_owned()]).await;
        refused!(made, Error::Invalid(invalid) if invalid.field == field);
    }
}

#[tokio::test]
async fn a_secret_is_told_once_and_a_public_key_has_none() {
    let world = open();
    let ann = world.person("ann").await;
    let uid = site(&world, &ann).await;
    let sites = &world.services.sites;
    let request = KeyRequest { name: Some("live".to_owned()), ..secret() };
    let made = sites.add_key(&ann, &uid, request).await.unwrap();
    assert_eq!((made.key.algorithm, made.key.name.as_str()), (SigningAlgorithm::Hs256, "live"));
    assert_eq!(made.secret.as_ref(), Some(&made.key.material.0));
    assert_eq!(made.key.kid.site(), Some(uid.clone()));
    let public = KeyRequest { kind: "public".to_owned(), public_key: Some("ES256:x".to_owned()), name: None };
    let public = sites.add_key(&ann, &uid, public).await.unwrap();
    assert_eq!((public.key.algorithm.kind(), public.secret), (KeyKind::Public, None));
    assert_eq!(sites.keys(&ann, &uid).await.unwrap(), [made.key.clone(), public.key.clone()]);
    assert_eq!(sites.key(&ann, &uid, &public.key.kid).await.unwrap(), public.key);
    sites.delete_key(&ann, &uid, &made.key.kid).await.unwrap();
    refused!(sites.delete_key(&ann, &uid, &made.key.kid).await, Error::NoSuch(Resource::SiteKey));
    refused!(sites.key(&ann, &uid, &made.key.kid).await, Error::NoSuch(Resource::SiteKey));
    let other = site(&world, &ann).await;
    refused!(sites.delete_key(&ann, &other, &public.key.kid).await, Error::NoSuch(Resource::SiteKey));
}

#[tokio::test]
async fn what_is_wrong_with_a_key_is_named() {
    let world = open();
    let ann = world.person("ann").await;
    let uid = site(&world, &ann).await;
    let key = |kind: &str, public_key: Option<&str>, name: &str| KeyRequest {
        kind: kind.to_owned(),
        public_key: public_key.map(str::to_owned),
        name: Some(name.to_owned()),
    };
    for (request, field) in [
        (key("private", None, ""), "kind"),
        (key("", None, ""), "kind"),
        (key("secret", Some("ES256:x"), ""), "public_key"),
        (key("public", None, ""), "public_key"),
        (key("public", Some("nonsense"), ""), "public_key"),
        (key("public", Some("HS256:x"), ""), "public_key"),
        (key("secret", None, &"x".repeat(101)), "name"),
    ] {
        let made = world.services.sites.add_key(&ann, &uid, request).await;
        assert!(matches!(made, Err(Error::Invalid(invalid)) if invalid.field == field), "{field}");
    }
    for _ in 0..KEYS_MAX {
        world.services.sites.add_key(&ann, &uid, secret()).await.unwrap();
    }
    let made = world.services.sites.add_key(&ann, &uid, secret()).await;
    assert!(matches!(made, Err(Error::Invalid(invalid)) if invalid.field == "keys"));
    let nowhere = SiteUid::parse("nowhere0").unwrap();
    refused!(
        world.services.sites.delete_key(&ann, &nowhere, &Kid::new(&nowhere, &nowhere)).await,
        Error::NoSuch(Resource::Site)
    );
}

#[tokio::test]
async fn a_room_belongs_to_a_site_of_somebody_with_rights_in_both() {
    let world = open();
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    let (anns, bobs) = (site(&world, &ann).await, site(&world, &bob).await);
    let rooms = &world.services.rooms;
    refused!(rooms.create(&bob, "lobby", "", Some(anns.as_str())).await, Error::Denied(_));
    refused!(rooms.create(&ann, "lobby", "", Some("nowhere0")).await, Error::NoSuch(Resource::Site));
    refused!(rooms.create(&ann, "lobby", "", Some("x")).await, Error::Invalid(invalid) if invalid.field == "site");
    let room = rooms.create(&ann, "lobby", "", Some(anns.as_str())).await.unwrap();
    assert_eq!(room.site, Some(anns.clone()));

    let to = |site: &str| RoomEdit { site: Some(site.to_owned()), ..RoomEdit::default() };
    refused!(rooms.configure(&ann, &room.uid, to(bobs.as_str())).await, Error::Denied(_));
    refused!(rooms.configure(&bob, &room.uid, to(bobs.as_str())).await, Error::Denied(_));
    refused!(rooms.configure(&ann, &room.uid, to("nowhere0")).await, Error::NoSuch(Resource::Site));
    assert_eq!(rooms.configure(&ann, &room.uid, to("")).await.unwrap().site, None);
    assert_eq!(rooms.configure(&ann, &room.uid, to(anns.as_str())).await.unwrap().site, Some(anns.clone()));
    let adam = world.ranked("adam", Rank::Admin).await;
    assert_eq!(rooms.configure(&adam, &room.uid, to(bobs.as_str())).await.unwrap().site, Some(bobs.clone()));
    // Its owner may take it out of a site that somebody else manages.
    assert_eq!(rooms.configure(&ann, &room.uid, to("")).await.unwrap().site, None);
}

#[tokio::test]
async fn a_room_outlives_its_site_and_every_node_knows() {
    let world = open();
    let ann = world.person("ann").await;
    let uid = site(&world, &ann).await;
    let room = world.services.rooms.create(&ann, "lobby", "", Some(uid.as_str())).await.unwrap();
    assert_eq!(world.services.rooms.enter(Some(&ann), &room.uid).await.unwrap().room.site, Some(uid.clone()));
    world.services.sites.delete(&ann, &uid).await.unwrap();
    assert!(world.bus.notices().contains(&Notice::SiteChanged(uid)));
    assert_eq!(world.services.rooms.enter(Some(&ann), &room.uid).await.unwrap().room.site, None);
}

#[tokio::test]
async fn a_sites_pages_may_frame_its_rooms_and_a_room_may_allow_more() {
    let world = open();
    let ann = world.person("ann").await;
    let texts = |origins: &[&str]| -> Vec<String> { origins.iter().map(|origin| (*origin).to_owned()).collect() };
    let with = async |of_site: &[&str], of_room: &[&str]| {
        let site = world.services.sites.create(&ann, "Example", &texts(of_site)).await.unwrap();
        let room = world.services.rooms.create(&ann, "lobby", "", Some(site.uid.as_str())).await.unwrap();
        let edit = RoomEdit { frame_ancestors: Some(texts(of_room)), ..RoomEdit::default() };
        let room = world.services.rooms.configure(&ann, &room.uid, edit).await.unwrap();
        let ancestors = world.services.sites.frame_ancestors(&room).await.unwrap();
        ancestors.iter().map(|ancestor| ancestor.as_str().to_owned()).collect::<Vec<_>>()
    };
    let (a, b) = ("https://a.example", "https://b.example");
    assert_eq!(with(&[], &[]).await, [""; 0]);
    assert_eq!(with(&[a], &[]).await, [a]);
    assert_eq!(with(&[], &[b]).await, [b]);
    assert_eq!(with(&[a, b], &[b]).await, [b, a]);
}

#[tokio::test]
async fn the_operator_makes_sites_and_keys_for_others() {
    let world = World::new();
    let ann = world.person("ann").await;
    let operator = &world.services.operator;
    refused!(operator.create_site("nobody", "Example", &[]).await, Error::NoSuch(Resource::User));
    let site = operator.create_site("Ann", "Example", &["https://a.example".to_owned()]).await.unwrap();
    assert_eq!(site.owner, ann.user.id);
    assert_eq!(operator.sites(SiteId(0), 10).await.unwrap(), std::slice::from_ref(&site));
    let made = operator.add_site_key(&site.uid, secret()).await.unwrap();
    assert_eq!(world.services.sites.keys(&ann, &site.uid).await.unwrap(), [made.key]);
}
