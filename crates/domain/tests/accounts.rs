//! Logging in and being somebody: guests, registration, passwords, tokens, profiles, ranks.

mod support;

use domain::model::id::{Epoch, RoomUid, SiteUid, UserUid};
use domain::model::rank::Rank;
use domain::model::sanction::SanctionKind;
use domain::model::session::LIFETIME;
use domain::model::time::{Duration, Span};
use domain::ports::bus::Notice;
use domain::ports::effects::Ids;
use domain::service::ClientInfo;
use domain::service::accounts::Profile;
use domain::service::error::{Error, RateLimitKind};
use domain::service::moderation::SanctionRequest;
use domain::service::{Caller, Guests, Ports, Services, Settings};
use std::sync::{Arc, Mutex, PoisonError};
use support::{SETTINGS, World, client};
use testkit::builders::{PASSWORD, password, reason};
use testkit::faulty::Fault;
use testkit::ids::SeqIds;

fn named(name: &str) -> Profile {
    Profile { display_name: Some(name.to_owned()), ..Profile::default() }
}

async fn change(world: &World, by: &Caller, of: &Caller, profile: Profile) -> Result<(), Error> {
    world.services.accounts.change(by, &of.user.uid, profile).await.map(|_| ())
}

#[tokio::test]
async fn guests_of_one_address_are_one_guest() {
    let world = World::new();
    let (first, again, other) = (world.guest("a").await, world.guest("a").await, world.guest("b").await);
    assert_eq!(first.user, again.user);
    assert_ne!(first.login, again.login);
    assert_ne!(first.user.id, other.user.id);
    assert_eq!(first.user.rank, Rank::Guest);
    assert!(first.user.display_name.as_str().starts_with("Guest-"), "{:?}", first.user.display_name);
}

#[tokio::test]
async fn guests_of_browsers_are_each_their_own() {
    let world = World::with(Settings { guests: Guests::Browser, ..SETTINGS });
    assert_ne!(world.guest("a").await.user.id, world.guest("a").await.user.id);
}

/// Draws these numbers, and then the last one for ever.
struct Drawn(Mutex<Vec<u32>>, SeqIds);

impl Ids for Drawn {
    fn user_uid(&self) -> UserUid {
        self.1.user_uid()
    }
    fn room_uid(&self) -> RoomUid {
        self.1.room_uid()
    }
    fn site_uid(&self) -> SiteUid {
        self.1.site_uid()
    }
    fn epoch(&self) -> Epoch {
        self.1.epoch()
    }
    fn below(&self, bound: u32) -> u32 {
        let mut numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = if numbers.len() > 1 { numbers.remove(0) } else { numbers[0] };
        assert!(number < bound);
        number
    }
    fn secret(&self) -> String {
        self.1.secret()
    }
}

#[tokio::test]
async fn a_guests_name_is_drawn_until_one_is_free() {
    let world = World::new();
    let ids = Arc::new(Drawn(Mutex::new(vec![7, 7, 7, 8]), SeqIds::default()));
    let services = Services::new(Ports { ids, ..world.ports.clone() }, SETTINGS);
    let shown = async |address| {
        services.accounts.guest(&client(address)).await.map(|login| login.user.display_name.as_str().to_owned())
    };
    assert_eq!(shown("a").await.unwrap(), "Guest-7");
    assert_eq!(shown("b").await.unwrap(), "Guest-8");
    assert_eq!(shown("a").await.unwrap(), "Guest-7", "the same guest draws nothing new");
    refused!(shown("c").await, Error::Busy { .. });
}

#[tokio::test]
async fn guests_may_be_switched_off() {
    let world = World::with(Settings { guests: Guests::Off, ..SETTINGS });
    refused!(world.services.accounts.guest(&client("a")).await, Error::GuestsOff);
}

#[tokio::test]
async fn too_many_guests_of_one_network_wait() {
    let world = World::limited();
    for _ in 0..20 {
        world.guest("a").await;
    }
    refused!(world.services.accounts.guest(&client("a")).await, Error::TooFast { pace: RateLimitKind::Other, .. });
    world.guest("b").await;
}

#[tokio::test]
async fn a_wide_network_makes_a_few_times_as_many_guests_as_a_narrow_one() {
    let world = World::limited();
    let from = |narrow: u32| ClientInfo {
        network: client(&format!("64-{narrow}")).network,
        wider: vec![client(&format!("56-{}", narrow / 100)).network, client("48").network],
        country: None,
    };
    let mut made = Vec::new();
    for narrow in 0..300 {
        made.push(world.services.accounts.guest(&from(narrow)).await.is_ok());
    }
    assert_eq!(made.iter().filter(|made| **made).count(), 80, "40 in the first /56, 40 in the second: the /48 is full");
    assert!(made[..40].iter().all(|made| *made));
    let elsewhere = client("v4");
    world.services.accounts.guest(&elsewhere).await.expect("another network");
}

#[tokio::test]
async fn whoever_registers_is_logged_in_under_that_name() {
    let world = World::new();
    let login = world.services.accounts.register("Ann_1", PASSWORD, &client("home")).await.unwrap();
    assert_eq!((login.user.display_name.as_str(), login.user.rank), ("Ann_1", Rank::Registered));
    let caller = world.services.accounts.identify(&login.token, &client("work")).await.unwrap();
    assert_eq!((caller.user, caller.login, caller.network.0.as_str()), (login.user, login.session.into(), "work"));
}

#[tokio::test]
async fn names_that_are_taken_or_look_taken_or_are_reserved_are_refused() {
    let world = World::new();
    world.person("paypal").await;
    let register = async |name| world.services.accounts.register(name, PASSWORD, &client("x")).await;
    for name in ["paypal", "PayPal", "paypa1"] {
        refused!(register(name).await, Error::NameTaken);
    }
    for name in ["root", "Admin", "m0d", "BANTER", "ab", "a b c", "änn", ""] {
        refused!(register(name).await, Error::Invalid(invalid) if invalid.field == "username");
    }
}

#[tokio::test]
async fn a_short_password_is_refused() {
    let world = World::new();
    let result = world.services.accounts.register("ann", "1234567", &client("x")).await;
    refused!(result, Error::Invalid(invalid) if invalid.field == "password");
    world.person("ann").await;
}

#[tokio::test]
async fn too_many_accounts_of_one_network_wait() {
    let world = World::limited();
    let register = async |name: &str, from| world.services.accounts.register(name, PASSWORD, &client(from)).await;
    for name in ["a_1", "a_2", "a_3", "a_4", "a_5"] {
        register(name, "net").await.unwrap();
    }
    refused!(register("a_6", "net").await, Error::TooFast { pace: RateLimitKind::Other, .. });
    register("a_6", "other").await.unwrap();
}

#[tokio::test]
async fn a_login_takes_the_password_and_the_name_in_any_case() {
    let world = World::new();
    let ann = world.person("Ann").await;
    let login = async |name, word| world.services.accounts.login(name, word, &client("x")).await;
    assert_eq!(login("aNN", PASSWORD).await.unwrap().user.id, ann.user.id);
    refused!(login("ann", "wrong horse").await, Error::CredentialsWrong);
    refused!(login("nobody", PASSWORD).await, Error::CredentialsWrong);
    refused!(login("a b", PASSWORD).await, Error::CredentialsWrong);
    refused!(login("ann", "short").await, Error::CredentialsWrong);
}

#[tokio::test]
async fn an_unknown_name_costs_as_much_as_a_wrong_password() {
    let world = World::new();
    world.person("ann").await;
    let _ = world.services.accounts.login("ann", "wrong horse", &client("x")).await;
    let _ = world.services.accounts.login("nobody", "wrong horse", &client("x")).await;
    assert_eq!(world.hasher.verified(), 2);
}

#[tokio::test]
async fn logins_are_slowed_after_failures_by_name_and_network() {
    let world = World::limited();
    world.person("ann").await;
    world.person("bob").await;
    for _ in 0..5 {
        let result = world.services.accounts.login("ANN", "wrong horse", &client("x")).await;
        refused!(result, Error::CredentialsWrong);
    }
    let checked = world.hasher.verified();
    let result = world.services.accounts.login("ann", PASSWORD, &client("x")).await;
    refused!(result, Error::TooFast { pace: RateLimitKind::Login, retry_after } if retry_after == Span::seconds(30));
    assert_eq!(world.hasher.verified(), checked, "a slowed login hashes nothing");
    world.services.accounts.login("bob", PASSWORD, &client("x")).await.unwrap();
    world.services.accounts.login("ann", PASSWORD, &client("y")).await.unwrap();
}

#[tokio::test]
async fn guesses_from_many_networks_are_slowed_and_do_not_keep_the_user_out() {
    let world = World::limited();
    let ann = world.person("ann").await;
    for attempt in 0..50 {
        let from = client(&format!("botnet {attempt}"));
        refused!(world.services.accounts.login("ann", "wrong horse", &from).await, Error::CredentialsWrong);
    }
    let result = world.services.accounts.login("ann", PASSWORD, &client("one more")).await;
    refused!(result, Error::TooFast { pace: RateLimitKind::Login, .. });
    let home = ClientInfo { network: ann.network.clone(), wider: Vec::new(), country: None };
    world.services.accounts.login("ann", PASSWORD, &home).await.unwrap();
}

#[tokio::test]
async fn whoever_comes_from_where_they_were_last_seen_waits_for_no_stranger() {
    let world = World::new();
    let ann = world.person("ann").await;
    let home = ClientInfo { network: ann.network.clone(), wider: Vec::new(), country: None };
    let before = world.hasher.strangers();
    world.services.accounts.login("ann", PASSWORD, &home).await.unwrap();
    assert_eq!(world.hasher.strangers(), before);
    refused!(world.services.accounts.login("ann", "wrong horse", &client("afar")).await, Error::CredentialsWrong);
    refused!(world.services.accounts.login("nobody", PASSWORD, &home).await, Error::CredentialsWrong);
    assert_eq!(world.hasher.strangers(), before + 2);
}

#[tokio::test]
async fn logins_are_slowed_after_failures_by_network() {
    let world = World::limited();
    world.person("ann").await;
    for attempt in 0..20 {
        let name = format!("name_{attempt}");
        refused!(world.services.accounts.login(&name, PASSWORD, &client("net")).await, Error::CredentialsWrong);
    }
    let result = world.services.accounts.login("ann", PASSWORD, &client("net")).await;
    refused!(result, Error::TooFast { pace: RateLimitKind::Login, .. });
    world.services.accounts.login("ann", PASSWORD, &client("home")).await.unwrap();
}

#[tokio::test]
async fn a_busy_hasher_asks_to_come_back() {
    let world = World::new();
    world.person("ann").await;
    world.hasher.set_busy(true);
    refused!(world.services.accounts.login("ann", PASSWORD, &client("x")).await, Error::Busy { .. });
    refused!(world.services.accounts.register("bob", PASSWORD, &client("x")).await, Error::Busy { .. });
}

#[tokio::test]
async fn whoever_is_banned_everywhere_does_not_come_in() {
    let world = World::new();
    let admin = world.ranked("adam", Rank::Admin).await;
    let (ann, guest) = (world.person("ann").await, world.guest("school").await);
    world.person("bob").await;
    world.clock.advance(Span::millis(1));
    for banned in [&ann, &guest] {
        world.sanction(&admin, None, banned, SanctionKind::Ban, support::seconds(60)).await.unwrap();
    }
    let accounts = &world.services.accounts;
    let told = Some(Span::seconds(60));
    refused!(
        accounts.login("ann", PASSWORD, &client("elsewhere")).await,
        Error::Sanctioned { kind: SanctionKind::Ban, retry_after, .. } if retry_after == told
    );
    refused!(accounts.guest(&client("school")).await, Error::Sanctioned { .. });
    refused!(accounts.register("newcomer", PASSWORD, &client("school")).await, Error::Sanctioned { .. });
    accounts.login("bob", PASSWORD, &client("school")).await.expect("he was there before the ban");

    world.clock.advance(Span::seconds(60));
    accounts.login("ann", PASSWORD, &client("elsewhere")).await.unwrap();
    accounts.guest(&client("school")).await.unwrap();
}

#[tokio::test]
async fn a_banned_network_makes_no_rows() {
    let world = World::with(Settings { guests: Guests::Browser, ..SETTINGS });
    let admin = world.ranked("adam", Rank::Admin).await;
    let guest = world.guest("school").await;
    let measures = SanctionRequest {
        kind: SanctionKind::Ban,
        duration: Duration::Forever,
        reason: reason("a raid"),
        network: true,
    };
    world.services.moderation.sanction(&admin, None, &guest.user.uid, measures).await.unwrap();
    let before = world.faults.calls("accounts.guest");
    refused!(world.services.accounts.guest(&client("school")).await, Error::Sanctioned { .. });
    assert_eq!(world.faults.calls("accounts.guest"), before);
}

#[tokio::test]
async fn where_each_browser_has_its_guest_a_ban_spares_the_address() {
    let world = World::with(Settings { guests: Guests::Browser, ..SETTINGS });
    let admin = world.ranked("adam", Rank::Admin).await;
    let banned = world.guest("school").await;
    let room = world.room(&admin).await;
    world.ban(&admin, None, &banned).await;
    let classmate = world.guest("school").await;
    world.post(&classmate, &room, "it was not me").await;
}

#[tokio::test]
async fn a_token_that_is_forged_or_ended_names_nobody() {
    let world = World::new();
    let login = world.services.accounts.register("ann", PASSWORD, &client("x")).await.unwrap();
    let identify = async |token: &str| world.services.accounts.identify(token, &client("x")).await;
    refused!(identify("").await, Error::TokenInvalid);
    refused!(identify("token:4000000:9999999999999:user").await, Error::TokenInvalid);
    let caller = identify(&login.token).await.unwrap();
    world.services.accounts.logout(&caller).await.unwrap();
    refused!(identify(&login.token).await, Error::TokenInvalid);
    assert_eq!(world.bus.notices(), [Notice::SessionsEnded(vec![login.session])]);
    world.services.accounts.logout(&caller).await.expect("twice is no failure");
}

#[tokio::test]
async fn a_session_in_use_slides_and_an_unused_one_ends() {
    let world = World::new();
    let accounts = &world.services.accounts;
    let used = accounts.register("ann", PASSWORD, &client("x")).await.unwrap();
    let unused = accounts.login("ann", PASSWORD, &client("x")).await.unwrap();
    let mut token = used.token;
    for _ in 0..3 {
        world.clock.advance(Span::days(20));
        let caller = accounts.identify(&token, &client("x")).await.unwrap();
        token = accounts.renew(&caller).await.unwrap();
        assert_eq!(caller.login, used.session.into());
    }
    refused!(accounts.identify(&unused.token, &client("x")).await, Error::TokenInvalid);
    world.clock.advance(LIFETIME);
    world.clock.advance(Span::millis(1));
    refused!(accounts.identify(&token, &client("x")).await, Error::TokenInvalid);
}

#[tokio::test]
async fn a_session_used_often_is_written_once_a_day() {
    let world = World::new();
    let login = world.services.accounts.register("ann", PASSWORD, &client("x")).await.unwrap();
    for _ in 0..48 {
        world.clock.advance(Span::minutes(60));
        world.services.accounts.identify(&login.token, &client("x")).await.unwrap();
    }
    assert_eq!(world.faults.calls("accounts.slide_session"), 2);
}

#[tokio::test]
async fn a_ticket_logs_in_one_socket_within_a_minute() {
    let world = World::new();
    let ann = world.person("ann").await;
    let accounts = &world.services.accounts;
    let ticket = accounts.ticket(&ann).await.unwrap();
    assert_eq!(accounts.redeem(&ticket, &client("x")).await.unwrap().login, ann.login);
    refused!(accounts.redeem(&ticket, &client("x")).await, Error::TokenInvalid);

    let late = accounts.ticket(&ann).await.unwrap();
    world.clock.advance(Span::seconds(61));
    refused!(accounts.redeem(&late, &client("x")).await, Error::TokenInvalid);

    let orphan = accounts.ticket(&ann).await.unwrap();
    accounts.logout(&ann).await.unwrap();
    refused!(accounts.redeem(&orphan, &client("x")).await, Error::TokenInvalid);
}

#[tokio::test]
async fn root_is_made_once_and_logs_in() {
    let world = World::new();
    let accounts = &world.services.accounts;
    assert!(accounts.ensure_root(password("first password")).await.unwrap());
    assert!(!accounts.ensure_root(password("second password")).await.unwrap());
    let login = accounts.login("root", "first password", &client("x")).await.unwrap();
    assert_eq!(login.user.rank, Rank::Root);
    let root = Caller::of_session(login.user, login.session, client("x").network);
    change(&world, &root, &root, named("The Boss")).await.unwrap();
    change(&world, &root, &root, named("root")).await.expect("the name is root's by right");
}

#[tokio::test]
async fn a_store_that_fails_is_told_without_its_words() {
    let world = World::new();
    let ann = world.person("ann").await;
    for method in ["accounts.create", "accounts.update", "accounts.end_session", "accounts.credentials"] {
        world.faults.always(method, Fault::Fail);
    }
    let accounts = &world.services.accounts;
    let errors = [
        accounts.register("bob", PASSWORD, &client("x")).await.unwrap_err(),
        accounts.login("ann", PASSWORD, &client("x")).await.unwrap_err(),
        change(&world, &ann, &ann, named("Queen")).await.unwrap_err(),
        accounts.logout(&ann).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(&error, Error::Failed(words) if words.contains("secret")), "{error:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    assert!(world.bus.is_silent(), "nothing is told that was not done");
    world.faults.heal();
    world.faults.always("accounts.create", Fault::Busy);
    let busy = accounts.register("bob", PASSWORD, &client("x")).await;
    refused!(busy, Error::Busy { retry_after } if retry_after == Span::seconds(2));
}
