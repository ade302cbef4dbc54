//! Domain values in few words: `user("ann").guest()`, `room("lobby")`, `draft("hi")`.
//!
//! A builder fills in what a test does not care about. What it makes is made through the ports, like anything else.

use crate::hasher::PlainHasher;
use domain::model::frame_ancestor::FrameAncestor;
use domain::model::id::{Epoch, RoomId, RoomUid, SiteUid, UserId, UserUid};
use domain::model::message::{Draft, MessageKind};
use domain::model::name::{DisplayName, Username};
use domain::model::rank::Rank;
use domain::model::room::{NewRoom, Room};
use domain::model::sanction::{NewSanction, SanctionKind};
use domain::model::site::{NewSite, Site};
use domain::model::site_key::{KeyMaterial, Kid, NewSiteKey, SigningAlgorithm};
use domain::model::text::{Body, Description, KeyName, Nonce, Password, Reason, RoomName, SiteName};
use domain::model::time::{Span, Timestamp};
use domain::model::user::{Member, Network, NewUser, User};
use domain::ports::log::{LogCommand, LogEntry};
use domain::ports::store::{AccountStore, RoomStore, SignIn, SiteStore};
use std::sync::atomic::{AtomicU64, Ordering};

/// When a test begins: 2026-01-01 12:00 UTC.
pub const NOON: Timestamp = Timestamp(1_767_268_800_000);

/// The password of every user who is made here.
pub const PASSWORD: &str = "correct horse";

/// `seconds` after [`NOON`].
pub fn later(seconds: i64) -> Timestamp {
    NOON + Span::seconds(seconds)
}

/// A number that was not given out before in this process, so that uids never meet.
fn fresh() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// A registered user called `name`, who logs in with [`PASSWORD`].
pub fn user(name: &str) -> UserBuilder {
    let login = Username::parse(name).ok().map(|username| (username, PlainHasher::hash_of(PASSWORD)));
    UserBuilder(NewUser {
        uid: UserUid::parse(&format!("u{:09}", fresh())).expect("ten characters"),
        rank: if login.is_some() { Rank::Registered } else { Rank::Guest },
        login,
        display_name: display_name(name),
        network: None,
        country: None,
        created_at: NOON,
    })
}

/// A user to be made.
#[derive(Clone, Debug)]
pub struct UserBuilder(NewUser);

impl UserBuilder {
    /// Without a login, at the rank guest.
    pub fn guest(mut self) -> UserBuilder {
        self.0.login = None;
        self.0.rank = Rank::Guest;
        self
    }

    /// With this global rank.
    pub fn rank(mut self, rank: Rank) -> UserBuilder {
        self.0.rank = rank;
        self
    }

    /// With a display name other than the username.
    pub fn shown_as(mut self, name: &str) -> UserBuilder {
        self.0.display_name = display_name(name);
        self
    }

    /// Seen at this network.
    pub fn at(mut self, network: &str) -> UserBuilder {
        self.0.network = Some(Network(network.to_owned()));
        self
    }

    /// Seen in this country.
    pub fn from(mut self, country: &str) -> UserBuilder {
        self.0.country = Some(country.to_owned());
        self
    }

    /// Made then instead of at [`NOON`].
    pub fn made_at(mut self, at: Timestamp) -> UserBuilder {
        self.0.created_at = at;
        self
    }

    /// The value itself.
    pub fn build(self) -> NewUser {
        self.0
    }

    /// Makes the user; the name must be free.
    pub async fn create(self, accounts: &dyn AccountStore) -> User {
        accounts.create(self.0).await.expect("the name is free")
    }
}

/// A registered user who is in no store.
pub fn known_user(id: i64, name: &str) -> User {
    let new = user(name).build();
    User {
        id: UserId(id),
        uid: new.uid,
        username: new.login.map(|(username, _)| username),
        display_name: new.display_name,
        picture: None,
        country: new.country,
        rank: new.rank,
        network: new.network,
        created_at: new.created_at,
        site: None,
    }
}

/// A room called `name`.
pub fn room(name: &str) -> RoomBuilder {
    RoomBuilder { name: room_name(name), description: Description::default(), site: None, created_at: NOON }
}

/// A room to be made.
#[derive(Clone, Debug)]
pub struct RoomBuilder {
    name: RoomName,
    description: Description,
    site: Option<SiteUid>,
    created_at: Timestamp,
}

impl RoomBuilder {
    /// About this.
    pub fn about(mut self, description: &str) -> RoomBuilder {
        self.description = Description::parse(description).expect("a description");
        self
    }

    /// Belonging to this site.
    pub fn of(mut self, site: &Site) -> RoomBuilder {
        self.site = Some(site.uid.clone());
        self
    }

    /// The value itself, with `owner` as its maker.
    pub fn build(self, owner: &User) -> NewRoom {
        let number = fresh();
        NewRoom {
            uid: RoomUid::parse(&format!("r{number:011}")).expect("twelve characters"),
            name: self.name,
            description: self.description,
            owner: owner.id,
            site: self.site,
            epoch: Epoch(i64::try_from(number).expect("a small number") + 1_000_000),
            created_at: self.created_at,
        }
    }

    /// Makes the room.
    pub async fn create(self, rooms: &dyn RoomStore, owner: &User) -> Room {
        rooms.create(self.build(owner)).await.expect("a store that works")
    }
}

/// A site called `name` that `owner` makes.
pub fn site(name: &str, owner: &User) -> SiteBuilder {
    SiteBuilder(NewSite {
        uid: site_uid(),
        name: SiteName::parse(name).expect("a name"),
        origins: Vec::new(),
        owner: owner.id,
        created_at: NOON,
    })
}

/// A site to be made.
#[derive(Clone, Debug)]
pub struct SiteBuilder(NewSite);

impl SiteBuilder {
    /// Whose pages of this origin may frame its rooms.
    pub fn at(mut self, origin: &str) -> SiteBuilder {
        self.0.origins.push(frame_ancestor(origin));
        self
    }

    /// The value itself.
    pub fn build(self) -> NewSite {
        self.0
    }

    /// Makes the site.
    pub async fn create(self, sites: &dyn SiteStore) -> Site {
        sites.create(self.0).await.expect("a store that works")
    }
}

/// A uid of a site that no other one has.
pub fn site_uid() -> SiteUid {
    SiteUid::parse(&format!("s{:07}", fresh())).expect("eight characters")
}

/// A secret key for `site`.
pub fn site_key(site: &Site) -> NewSiteKey {
    NewSiteKey {
        kid: Kid::new(&site.uid, &site_uid()),
        site: site.id,
        algorithm: SigningAlgorithm::Hs256,
        material: KeyMaterial(format!("secret of {}", site.uid)),
        name: KeyName::parse("first").expect("a name"),
        created_at: NOON,
    }
}

/// What a token for `subject` says that `site` signed at [`NOON`].
pub fn sign_in(site: &Site, subject: &str) -> SignIn {
    SignIn {
        site: site.id,
        subject: subject.to_owned(),
        issued_at: NOON,
        name: None,
        picture: None,
        rank: None,
        network: network("a"),
        country: None,
        new_uid: UserUid::parse(&format!("u{:09}", fresh())).expect("ten characters"),
        at: NOON,
    }
}

/// A message that says `text`, without a nonce.
pub fn draft(text: &str) -> Draft {
    Draft { text: body(text), kind: MessageKind::Say, reply_to: None, nonce: None }
}

/// A message that says `text` under the nonce `name`.
pub fn draft_named(text: &str, name: &str) -> Draft {
    Draft { nonce: Some(nonce(name)), ..draft(text) }
}

/// Posting `draft` with no network and no slow mode.
pub fn post(draft: Draft) -> LogCommand {
    LogCommand::Post { draft, network: None, pace: None }
}

/// A sanction of `user` until `ends_at`, without a network.
pub fn sanction(kind: SanctionKind, user: &User, ends_at: Option<Timestamp>) -> NewSanction {
    NewSanction { user: user.id, network: None, kind, reason: reason("being rude"), ends_at }
}

/// Giving `sanction` to `subject`.
pub fn give(subject: &Member, sanction: NewSanction) -> LogCommand {
    LogCommand::Sanction { subject: Box::new(subject.clone()), sanction: Box::new(sanction) }
}

/// Lifting the sanction of this kind from `subject`.
pub fn lift(subject: &Member, kind: SanctionKind) -> LogCommand {
    LogCommand::Lift { subject: Box::new(subject.clone()), kind: Some(kind) }
}

/// An entry at [`NOON`].
pub fn entry(room: RoomId, actor: &Member, command: LogCommand) -> LogEntry {
    LogEntry { room, actor: actor.clone(), at: NOON, command }
}

/// A message's text.
pub fn body(text: &str) -> Body {
    Body::parse(text).expect("a message")
}

/// A nonce.
pub fn nonce(text: &str) -> Nonce {
    Nonce::parse(text).expect("a nonce")
}

/// A reason.
pub fn reason(text: &str) -> Reason {
    Reason::parse(text).expect("a reason")
}

/// Whose pages may frame a chat.
pub fn frame_ancestor(text: &str) -> FrameAncestor {
    FrameAncestor::parse("allowed_sites", text).expect("an origin")
}

/// A room's name.
pub fn room_name(text: &str) -> RoomName {
    RoomName::parse(text).expect("a room name")
}

/// A name for people.
pub fn display_name(text: &str) -> DisplayName {
    DisplayName::parse(text).expect("a display name")
}

/// A name to log in with.
pub fn username(text: &str) -> Username {
    Username::parse(text).expect("a username")
}

/// A password.
pub fn password(text: &str) -> Password {
    Password::parse(text).expect("a password")
}

/// A network.
pub fn network(text: &str) -> Network {
    Network(text.to_owned())
}
