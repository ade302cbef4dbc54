//! What users do, each as one method: load, decide, store. Every way in (HTTP, socket, command, admin page) ends here.
//!
//! The store hands what it committed to the bus itself (see [`crate::ports::log::Log::append`]), so that a caller who
//! goes away between the commit and the answer cannot keep the room from hearing of it.

#![warn(missing_docs)]

pub mod access;
pub mod accounts;
pub mod chat;
mod commands;
pub mod error;
mod hand_over;
pub mod identity;
pub mod moderation;
pub mod operator;
pub mod posting;
pub mod quotas;
pub mod reads;
pub mod rooms;
pub mod site_login;
pub mod site_users;
pub mod sites;
pub mod suggestion;
pub mod viewing;

use crate::model::id::{RoomUid, SessionId};
use crate::model::login::LoginId;
use crate::model::rank::Rank;
use crate::model::time::Span;
use crate::model::user::{Network, User};
use crate::ports::effects::{Charge, Clock, Ids, PasswordHasher, Quota, RateLimiter, Tokens};
use crate::ports::log::Log;
use crate::ports::readers::{AccessReader, EventReader, MessageReader, SanctionReader};
use crate::ports::site_tokens::SiteTokens;
use crate::ports::store;
use std::sync::Arc;

/// An authenticated user and where the request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who it is, as of the login or the last look.
    pub user: User,
    /// What proves it.
    pub login: LoginId,
    /// The only rooms in which that is valid, for a token that a site limits to some.
    pub rooms: Option<Arc<[RoomUid]>>,
    /// Where the caller connects from.
    pub network: Network,
}

impl Caller {
    /// Somebody with a session, seen at this network.
    pub fn of_session(user: User, session: SessionId, network: Network) -> Caller {
        Caller { user, login: session.into(), rooms: None, network }
    }

    /// The session; what takes one is not for those whom a site signs in.
    pub fn session(&self) -> Result<SessionId, error::Error> {
        self.login.session().ok_or(error::Error::AccountRequired)
    }
}

/// The client of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientInfo {
    /// Where from.
    pub network: Network,
    /// The wider networks that it lies in, nearest first: at most two. Quotas of networks count there too, with growing
    /// allowances, because whoever holds a wide network has any number of narrow ones.
    pub wider: Vec<Network>,
    /// The country of it, when known.
    pub country: Option<String>,
}

/// How many times a quota a network, the next wider one, and the widest are allowed.
pub const ALLOWANCES: [u32; 3] = [1, 2, 4];

impl ClientInfo {
    /// Takes `amount` from `quota` for the network and each wider one; when one has not enough, the time until it has.
    pub fn charge(&self, limiter: &dyn RateLimiter, quota: Quota, amount: u32) -> Result<(), Span> {
        self.charges(quota, amount).try_for_each(|charge| limiter.charge(charge))
    }

    /// What `amount` from `quota` is for the network and each wider one.
    pub fn charges(&self, quota: Quota, amount: u32) -> impl Iterator<Item = Charge<'_>> {
        let networks = std::iter::once(&self.network).chain(&self.wider);
        networks.zip(ALLOWANCES).map(move |(network, allowance)| Charge { quota, key: &network.0, amount, allowance })
    }
}

/// What makes a guest the same guest again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guests {
    /// The address.
    Address,
    /// The token that the browser keeps.
    Browser,
    /// There are none.
    Off,
}

/// What the operator decides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What a guest is.
    pub guests: Guests,
    /// The least rank that makes rooms.
    pub room_creation: Rank,
    /// The least rank that makes sites.
    pub site_creation: Rank,
    /// The address that people reach the server by: the only audience of tokens that name one.
    pub public_url: Option<String>,
    /// Whether rates, floods and repeats are limited.
    pub limits: bool,
}

/// Everything the services need from outside.
#[derive(Clone)]
pub struct Ports {
    /// Users and logins.
    pub accounts: Arc<dyn store::AccountStore>,
    /// Rooms.
    pub rooms: Arc<dyn store::RoomStore>,
    /// Sites and their keys.
    pub sites: Arc<dyn store::SiteStore>,
    /// Writing to rooms' logs.
    pub log: Arc<dyn Log>,
    /// Reading messages.
    pub messages: Arc<dyn MessageReader>,
    /// Reading events.
    pub events: Arc<dyn EventReader>,
    /// Reading bans and timeouts.
    pub sanctions: Arc<dyn SanctionReader>,
    /// Reading how people stand in rooms.
    pub access_reader: Arc<dyn AccessReader>,
    /// How people stand in rooms, remembered.
    pub access: Arc<access::AccessCache>,
    /// The one source of time for all services.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub ids: Arc<dyn Ids>,
    /// Passwords.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Tokens.
    pub tokens: Arc<dyn Tokens>,
    /// Keys of sites, and the tokens that they sign.
    pub site_tokens: Arc<dyn SiteTokens>,
    /// Quotas of this node.
    pub limiter: Arc<dyn RateLimiter>,
    /// Quotas of all nodes together, where there may be several; where there is one, its own are enough.
    pub shared_quotas: Option<quotas::SharedQuotas>,
}

/// All services.
#[derive(Clone)]
pub struct Services {
    /// Logging in and being somebody.
    pub accounts: accounts::Accounts,
    /// Making and changing rooms.
    pub rooms: rooms::Rooms,
    /// Sites and their keys.
    pub sites: sites::Sites,
    /// Saying something.
    pub chat: chat::Chat,
    /// Keeping order.
    pub moderation: moderation::Moderation,
    /// Reading rooms live.
    pub viewing: viewing::Viewing,
    /// Running the server.
    pub operator: operator::Operator,
}

impl Services {
    /// The services over these ports.
    pub fn new(ports: Ports, settings: Settings) -> Services {
        let accounts = accounts::Accounts::new(ports.clone(), settings.clone());
        let sites = sites::Sites::new(ports.clone(), settings.clone(), accounts.clone());
        let rooms = rooms::Rooms::new(ports.clone(), settings.clone(), sites.clone());
        let moderation = moderation::Moderation::new(ports.clone(), settings.clone(), rooms.clone());
        let operator = operator::Operator::new(ports.clone(), accounts.clone(), sites.clone());
        let viewing = viewing::Viewing::new(ports.clone(), rooms.clone());
        let chat = chat::Chat::new(ports, settings, accounts.clone(), rooms.clone(), moderation.clone());
        Services { accounts, rooms, sites, chat, moderation, viewing, operator }
    }
}
