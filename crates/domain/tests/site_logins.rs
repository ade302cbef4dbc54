//! Being somebody by a token that a site signed.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests: what is not there fails the test")]

mod support;

use domain::model::event::ModerationAction;
use domain::model::id::RoomUid;
use domain::model::login::LoginId;
use domain::model::name::DisplayName;
use domain::model::rank::Rank;
use domain::model::room::Readers;
use domain::model::sanction::SanctionKind;
use domain::model::site::Site;
use domain::model::site_key::SiteKey;
use domain::model::site_token::TokenFault;
use domain::model::time::{Duration, Span, Timestamp};
use domain::policy::Denied;
use domain::ports::bus::Notice;
use domain::ports::effects::Clock;
use domain::ports::store::SiteStore;
use domain::service::accounts::Profile;
use domain::service::error::{Error, Resource};
use domain::service::rooms::RoomEdit;
use domain::service::{Caller, Settings};
use std::sync::Arc;
use support::{SETTINGS, World, client};
use testkit::builders::{NOON, network, site, site_key};
use testkit::bus::RecordingBus;
use testkit::tokens::site_token;

/// A world with a site of Ann's, its key, and a room in it.
struct Example {
    world: World,
    ann: Caller,
    site: Site,
    key: SiteKey,
    room: RoomUid,
}

impl Example {
    async fn new() -> Example {
        let world = World::with(Settings { public_url: Some("https://chat.example".to_owned()), ..SETTINGS });
        let ann = world.person("ann").await;
        let site = site("Example", &ann.user).create(&*world.store).await;
        let key = world.store.add_key(site_key(&site)).await.unwrap().unwrap();
        let room = world.services.rooms.create(&ann, "inside", "", Some(site.uid.as_str())).await.unwrap().uid;
        Example { world, ann, site, key, room }
    }

    fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    fn token(&self, subject: &str, more: &[(&str, &str)]) -> String {
        site_token(&self.site, &self.key, subject, self.now(), more)
    }

    async fn identify(&self, token: &str) -> Result<Caller, Error> {
        self.world.services.accounts.identify(token, &client("x")).await
    }

    async fn act(&self, token: &str) -> Result<Caller, Error> {
        self.world.services.accounts.identify_actor(token, &client("x")).await
    }

    async fn signed_in(&self, subject: &str, more: &[(&str, &str)]) -> Caller {
        self.identify(&self.token(subject, more)).await.expect("a good token")
    }

    /// The same store as another node writes to it, whose notices never arrive here.
    fn elsewhere(&self) -> impl SiteStore + use<> {
        self.world.store.of_another_process(Arc::new(RecordingBus::default()))
    }

    async fn sweep(&self, open: &[&Caller]) -> Vec<LoginId> {
        let ports = &self.world.ports;
        let open = open.iter().map(|caller| (caller.login, caller.user.id)).collect();
        let swept = ports.access.sweep(&*ports.accounts, &*ports.sites, &*ports.rooms, &open, self.now()).await;
        swept.unwrap().ended
    }
}

#[tokio::test]
async fn a_token_of_a_site_is_taken_and_its_subject_is_one_user() {
    let example = Example::new().await;
    let bea = example.signed_in("1", &[("name", "Bea"), ("picture", "https://a.example/b.png")]).await;
    assert_eq!((bea.user.display_name.as_str(), bea.user.rank), ("Bea", Rank::Registered));
    assert_eq!(bea.user.picture.as_deref(), Some("https://a.example/b.png"));
    assert_eq!(bea.user.roles(None).collect::<Vec<_>>(), ["registered", "site"]);
    assert_eq!((bea.network.clone(), bea.rooms.clone()), (network("x"), None));
    assert_eq!(example.signed_in("1", &[("name", "Bea")]).await.user.id, bea.user.id);
    assert_ne!(example.signed_in("2", &[("name", "Bea")]).await.user.id, bea.user.id);
    let nameless = example.signed_in("3", &[]).await.user;
    assert_eq!(nameless.display_name, DisplayName::of_site_user(&nameless.uid));
    example.world.post(&bea, &example.room, "hello").await;
    assert_eq!(example.world.texts(&example.room).await, ["hello"]);
}

#[tokio::test]
async fn each_bad_token_has_its_fault_and_makes_nobody() {
    let example = Example::new().await;
    let other = site("Other", &example.ann.user).create(&*example.world.store).await;
    let others_key = example.world.store.add_key(site_key(&other)).await.unwrap().unwrap();
    let now = |seconds: i64| (NOON.0 + seconds * 1000).to_string();
    let long = "x".repeat(129);
    let gone = format!("{}-x0x0x0x0", example.site.uid);
    let of = |more: &[(&str, &str)]| example.token("1", more);
    let (iss, kid) = (other.uid.to_string(), others_key.kid.to_string());
    for (token, fault) in [
        (of(&[("alg", "none")]), TokenFault::Algorithm),
        (of(&[("alg", "RS256")]), TokenFault::Algorithm),
        (of(&[("kid", &gone)]), TokenFault::KeyUnknown),
        (of(&[("kid", &kid)]), TokenFault::KeyOfAnotherSite),
        (of(&[("iss", &iss)]), TokenFault::KeyOfAnotherSite),
        (of(&[("iss", "nowhere0"), ("kid", "nowhere0-x0x0x0x0")]), TokenFault::Issuer),
        (of(&[("iss", "https://a.example")]), TokenFault::Issuer),
        (of(&[("iss", &iss), ("kid", &kid)]), TokenFault::Signature),
        (of(&[]) + "x", TokenFault::Signature),
        (of(&[("sub", "")]), TokenFault::Subject),
        (of(&[("sub", &long)]), TokenFault::Subject),
        (of(&[("iat", &now(61)), ("exp", &now(600))]), TokenFault::IssuedInFuture),
        (of(&[("nbf", &now(61))]), TokenFault::NotYet),
        (of(&[("exp", &now(86_401))]), TokenFault::Lifetime),
        (of(&[("iat", &now(-600)), ("exp", &now(-60))]), TokenFault::Expired),
        (of(&[("aud", "https://else.example")]), TokenFault::Audience),
        (of(&[("role", "admin")]), TokenFault::Role),
        (of(&[("exp", "soon")]), TokenFault::Claims),
    ] {
        refused!(example.identify(&token).await, Error::SiteToken(found) if found == fault);
        refused!(example.act(&token).await, Error::SiteToken(found) if found == fault);
    }
    assert_eq!(example.world.faults.calls("sites.sign_in"), 0);
    example.identify(&of(&[("aud", "https://else.example,https://chat.example/")])).await.unwrap();
}

#[tokio::test]
async fn ten_thousand_known_users_cost_no_question_and_ten_thousand_new_ones_one_each() {
    let example = Example::new().await;
    let tokens: Vec<String> = (0..10_000).map(|n| example.token(&n.to_string(), &[])).collect();
    let methods =
        ["sites.signing", "sites.sign_in", "sites.key_used", "sites.ended", "accounts.user", "access.room_access"];
    let cost = async || {
        let before = methods.map(|method| example.world.faults.calls(method));
        for token in &tokens {
            example.identify(token).await.unwrap();
        }
        let after = methods.map(|method| example.world.faults.calls(method));
        std::array::from_fn::<u32, 6, _>(|n| after[n] - before[n])
    };
    assert_eq!(cost().await, [1, 10_000, 1, 0, 0, 1]);
    assert_eq!(cost().await, [0; 6]);
    example.world.clock.advance(Span::seconds(3));
    assert_eq!(cost().await, [1, 0, 0, 0, 0, 1], "the keys and the bans are looked at again");
}

#[tokio::test]
async fn a_deleted_key_ends_what_it_signed_here_at_once_and_elsewhere_within_two_seconds() {
    for with_notice in [true, false] {
        let example = Example::new().await;
        let (reads, acts) = (example.token("1", &[]), example.token("2", &[]));
        let caller = example.act(&acts).await.unwrap();
        example.identify(&reads).await.unwrap();
        if with_notice {
            example.world.services.sites.delete_key(&example.ann, &example.site.uid, &example.key.kid).await.unwrap();
        } else {
            example.elsewhere().delete_key(example.site.id, &example.key.kid).await.unwrap();
            example.identify(&reads).await.unwrap();
            example.world.clock.advance(Span::seconds(2));
        }
        refused!(example.identify(&reads).await, Error::SiteToken(TokenFault::KeyUnknown));
        refused!(example.act(&acts).await, Error::SiteToken(TokenFault::KeyUnknown));
        refused!(example.world.say(&caller, &example.room, "hi").await, Error::SiteToken(TokenFault::Ended));
        assert_eq!(example.sweep(&[&caller]).await, [caller.login]);
    }
}

#[tokio::test]
async fn a_deleted_site_ends_what_its_keys_signed() {
    let example = Example::new().await;
    let token = example.token("1", &[]);
    let caller = example.act(&token).await.unwrap();
    example.world.services.sites.delete(&example.ann, &example.site.uid).await.unwrap();
    refused!(example.identify(&token).await, Error::SiteToken(TokenFault::Issuer));
    refused!(example.world.say(&caller, &example.room, "hi").await, Error::SiteToken(TokenFault::Ended));
    assert_eq!(example.sweep(&[&caller]).await, [caller.login]);
}

#[tokio::test]
async fn several_keys_sign_at_once_so_that_one_takes_the_place_of_another_without_a_gap() {
    let example = Example::new().await;
    let old = example.token("1", &[]);
    let first = example.identify(&old).await.unwrap();
    let second = example.world.store.add_key(site_key(&example.site)).await.unwrap().unwrap();
    let new = site_token(&example.site, &second, "1", example.now(), &[]);
    assert_eq!(example.identify(&new).await.unwrap().user, first.user);
    assert_eq!(example.identify(&old).await.unwrap().user, first.user);
    example.world.services.sites.delete_key(&example.ann, &example.site.uid, &example.key.kid).await.unwrap();
    assert_eq!(example.identify(&new).await.unwrap().user, first.user);
    refused!(example.identify(&old).await, Error::SiteToken(TokenFault::KeyUnknown));
}

#[tokio::test]
async fn whom_the_site_logs_out_comes_back_by_a_newer_token_only() {
    let example = Example::new().await;
    let (one, two) = (example.token("1", &[]), example.token("2", &[]));
    let (caller, other) = (example.act(&one).await.unwrap(), example.act(&two).await.unwrap());
    example.world.clock.advance(Span::seconds(5));
    let sites = &example.world.services.sites;
    let stranger = example.world.person("bob").await;
    refused!(sites.log_out(&stranger, &example.site.uid, "1").await, Error::Denied(Denied::Rank { .. }));
    sites.log_out(&example.ann, &example.site.uid, "1").await.unwrap();
    refused!(example.identify(&one).await, Error::SiteToken(TokenFault::Ended));
    refused!(example.world.say(&caller, &example.room, "hi").await, Error::SiteToken(TokenFault::Ended));
    assert_eq!(example.sweep(&[&caller, &other]).await, [caller.login]);
    example.act(&two).await.unwrap();
    let fresh = example.act(&example.token("1", &[])).await.unwrap();
    assert_eq!(fresh.user.id, caller.user.id);
    // Oneself, too.
    example.world.clock.advance(Span::seconds(5));
    example.world.services.accounts.logout(&fresh).await.unwrap();
    refused!(
        example.act(&example.token("1", &[("iat", &(NOON.0 + 5_000).to_string())])).await,
        Error::SiteToken(TokenFault::Ended)
    );
}

#[tokio::test]
async fn whom_the_site_deletes_is_erased_and_a_later_token_makes_somebody_new() {
    let example = Example::new().await;
    let token = example.token("1", &[("name", "Bea"), ("role", "mod")]);
    let bea = example.act(&token).await.unwrap();
    let owned = example.world.room(&bea).await;
    example.world.post(&bea, &example.room, "still here").await;
    example.world.clock.advance(Span::seconds(5));
    let sites = &example.world.services.sites;
    assert_eq!(sites.user(&example.ann, &example.site.uid, "1").await.unwrap().user.id, bea.user.id);
    for nobody in ["", "2", "a\u{0}", &"x".repeat(129)] {
        refused!(sites.user(&example.ann, &example.site.uid, nobody).await, Error::NoSuch(Resource::User));
        refused!(sites.delete_user(&example.ann, &example.site.uid, nobody).await, Error::NoSuch(Resource::User));
    }
    sites.delete_user(&example.ann, &example.site.uid, "1").await.unwrap();
    assert!(example.world.bus.notices().contains(&Notice::UserDeleted(bea.user.id)));
    refused!(sites.user(&example.ann, &example.site.uid, "1").await, Error::NoSuch(Resource::User));
    refused!(example.identify(&token).await, Error::SiteToken(TokenFault::Ended));
    refused!(example.world.services.rooms.room(&owned).await, Error::NoSuch(Resource::Room));
    assert_eq!(example.world.texts(&example.room).await, ["still here"]);
    assert_ne!(example.signed_in("1", &[]).await.user.id, bea.user.id);
}

#[tokio::test]
async fn a_role_holds_in_the_sites_rooms_until_a_token_no_longer_gives_it() {
    let example = Example::new().await;
    let world = &example.world;
    let outside = world.room(&example.ann).await;
    let keeper = example.act(&example.token("1", &[("role", "mod")])).await.unwrap();
    let victim = world.person("vic").await;
    world.sanction(&keeper, Some(&example.room), &victim, SanctionKind::Timeout, support::seconds(60)).await.unwrap();
    refused!(
        world.sanction(&keeper, Some(&outside), &victim, SanctionKind::Timeout, support::seconds(60)).await,
        Error::Denied(Denied::Rank { least: Rank::Mod })
    );
    refused!(
        world.sanction(&keeper, Some(&example.room), &example.ann, SanctionKind::Ban, Duration::Forever).await,
        Error::Denied(Denied::Outranked)
    );
    let told = world.services.rooms.abilities(Some(&keeper), &example.room).await.unwrap().member.unwrap();
    assert_eq!((told.rank(), told.room_rank), (Rank::Mod, None));

    world.clock.advance(Span::seconds(1));
    let old = example.token("1", &[("role", "owner"), ("iat", &NOON.0.to_string())]);
    let plain = example.act(&example.token("1", &[])).await.unwrap();
    for caller in [&plain, &keeper, &example.act(&old).await.unwrap()] {
        refused!(
            world.sanction(caller, Some(&example.room), &victim, SanctionKind::Ban, Duration::Forever).await,
            Error::Denied(Denied::Rank { least: Rank::Mod })
        );
    }
}

#[tokio::test]
async fn of_a_role_and_a_rank_of_the_room_the_higher_holds() {
    let example = Example::new().await;
    let world = &example.world;
    let bea = example.act(&example.token("1", &[("role", "vip")])).await.unwrap();
    let rooms = &world.services.rooms;
    let rank = async || rooms.abilities(Some(&bea), &example.room).await.unwrap().member.unwrap().rank();
    assert_eq!(rank().await, Rank::Vip);
    rooms.appoint(&example.ann, &example.room, &bea.user.uid, ModerationAction::Mod).await.unwrap();
    assert_eq!(rank().await, Rank::Mod);
    rooms.appoint(&example.ann, &example.room, &bea.user.uid, ModerationAction::Unmod).await.unwrap();
    assert_eq!(rank().await, Rank::Vip, "what the site gives no room takes away");
    let owner = example.act(&example.token("2", &[("role", "owner")])).await.unwrap();
    let edit = RoomEdit { slow_mode: Some(5), ..RoomEdit::default() };
    rooms.configure(&owner, &example.room, edit).await.unwrap();
    refused!(
        rooms.appoint(&example.ann, &example.room, &owner.user.uid, ModerationAction::Mod).await,
        Error::Denied(Denied::Outranked)
    );
    // A rank that the site gives is no right to take the room away from it.
    let out = RoomEdit { site: Some(String::new()), ..RoomEdit::default() };
    refused!(rooms.configure(&owner, &example.room, out).await, Error::Denied(Denied::Rank { least: Rank::Owner }));
    let listed = rooms.ranks(rooms.room(&example.room).await.unwrap().id, || vec![bea.user.id]).await.unwrap();
    assert_eq!((listed.of(&bea.user), listed.of(&world.person("bob").await.user)), (Some(Rank::Vip), None));
}

#[tokio::test]
async fn a_token_for_some_rooms_is_valid_there_only() {
    let example = Example::new().await;
    let world = &example.world;
    let outside = world.room(&example.ann).await;
    let limited = example.act(&example.token("1", &[("rooms", example.room.as_str())])).await.unwrap();
    world.post(&limited, &example.room, "hi").await;
    let rooms = &world.services.rooms;
    refused!(world.say(&limited, &outside, "hi").await, Error::SiteToken(TokenFault::Room));
    refused!(rooms.enter(Some(&limited), &outside).await, Error::SiteToken(TokenFault::Room));
    refused!(rooms.shown(Some(&limited), &outside).await, Error::SiteToken(TokenFault::Room));
    refused!(rooms.create(&limited, "mine", "", None).await, Error::SiteToken(TokenFault::Room));
    let nowhere = example.act(&example.token("2", &[("rooms", "")])).await.unwrap();
    refused!(world.say(&nowhere, &example.room, "hi").await, Error::SiteToken(TokenFault::Room));
}

#[tokio::test]
async fn bans_and_timeouts_hold_for_users_of_a_site_as_for_everybody() {
    let example = Example::new().await;
    let world = &example.world;
    let adam = world.ranked("adam", Rank::Admin).await;
    let token = example.token("1", &[]);
    let bea = example.act(&token).await.unwrap();
    world.ban(&example.ann, Some(&example.room), &bea).await;
    refused!(world.say(&bea, &example.room, "hi").await, Error::Sanctioned { kind: SanctionKind::Ban, .. });
    world.lift(&example.ann, Some(&example.room), &bea).await.unwrap();
    world.post(&bea, &example.room, "hi").await;
    world.ban(&adam, None, &bea).await;
    refused!(example.identify(&token).await, Error::Sanctioned { kind: SanctionKind::Ban, .. });
    world.clock.advance(Span::seconds(60));
    refused!(example.identify(&example.token("1", &[])).await, Error::Sanctioned { kind: SanctionKind::Ban, .. });
    world.lift(&adam, None, &bea).await.unwrap();
    example.identify(&example.token("1", &[])).await.unwrap();
}

#[tokio::test]
async fn what_belongs_to_an_account_is_not_for_users_of_a_site() {
    let example = Example::new().await;
    let accounts = &example.world.services.accounts;
    let bea = example.act(&example.token("1", &[("name", "Bea")])).await.unwrap();
    refused!(accounts.ticket(&bea).await, Error::AccountRequired);
    refused!(accounts.renew(&bea).await, Error::AccountRequired);
    refused!(example.world.services.sites.create(&bea, "Mine", &[]).await, Error::Denied(_));
    let named = Profile { display_name: Some("Cleo".to_owned()), ..Profile::default() };
    refused!(accounts.change(&bea, &bea.user.uid, named).await, Error::AccountRequired);
    let edit = RoomEdit { readers: Some(Readers::Members.as_str().to_owned()), ..RoomEdit::default() };
    example.world.services.rooms.configure(&example.ann, &example.room, edit).await.unwrap();
    example.world.post(&bea, &example.room, "a member").await;
    accounts.delete(&bea, &bea.user.uid).await.unwrap();
}

#[tokio::test]
async fn a_token_that_expired_acts_no_more() {
    let example = Example::new().await;
    let token = example.token("1", &[]);
    let bea = example.act(&token).await.unwrap();
    example.world.clock.advance(Span::seconds(659));
    example.world.post(&bea, &example.room, "hi").await;
    example.world.clock.advance(Span::seconds(1));
    refused!(example.world.say(&bea, &example.room, "ho").await, Error::SiteToken(TokenFault::Expired));
    refused!(example.identify(&token).await, Error::SiteToken(TokenFault::Expired));
}

#[tokio::test]
async fn the_use_of_a_key_is_written_down_once_a_minute() {
    let example = Example::new().await;
    for (after, written) in [(0, 1), (30, 1), (31, 2)] {
        example.world.clock.advance(Span::seconds(after));
        example.signed_in("1", &[]).await;
        assert_eq!(example.world.faults.calls("sites.key_used"), written);
    }
    let key = example.world.services.sites.key(&example.ann, &example.site.uid, &example.key.kid).await.unwrap();
    assert_eq!(key.last_used_at, Some(example.now()));
}
