//! Puts the process together: the only file that names `infra`.

use crate::app::Locate;
use crate::config::{Config, Guests, RoomCreation, SiteCreation};
use crate::public_url::PublicUrl;
use crate::realtime::node::Identity;
use domain::model::connection::INCARNATION_MAX;
use domain::model::node::NodeName;
use domain::model::rank::Rank;
use domain::model::text::Password;
use domain::ports::bus::{Bus, Subscription};
use domain::ports::cluster::Cluster;
use domain::ports::effects::{Clock, Geography, Ids, RateLimiter};
use domain::ports::readers::EventReader;
use domain::ports::store::{AccountStore, Health, RoomStore, SiteStore};
use domain::service::access::AccessCache;
use domain::service::quotas::SharedQuotas;
use domain::service::{self, ClientInfo, Ports, Services, Settings};
pub use infra::SchemaStatus;
pub use infra::ServeLock;
use infra::adapters::bus::LocalBus;
use infra::adapters::clock::SystemClock;
use infra::adapters::geography::{GeoFile, NoGeography};
use infra::adapters::ids::RandomIds;
use infra::adapters::limiter::{Limiter, Unlimited};
use infra::adapters::nats::{NatsBus, NatsOptions};
use infra::adapters::network::Networks;
use infra::adapters::passwords::BcryptHasher;
use infra::adapters::site_tokens::JwtSiteTokens;
use infra::adapters::tokens::JwtTokens;
pub use infra::inspect::{BusInfo, DatabaseInfo, DatabaseServerInfo};
use infra::{Options, Store, inspect};
use std::sync::Arc;

/// What SQLite keeps for deleting on a full disk: enough for a purge of some 40 000 messages.
const RESERVE: u64 = 16 * 1024 * 1024;

/// Everything but the sockets.
pub struct Wired {
    /// What users do.
    pub services: Services,
    /// Reading the events of logs.
    pub events: Arc<dyn EventReader>,
    /// Looking up logins.
    pub accounts: Arc<dyn AccountStore>,
    /// Looking up tokens of sites.
    pub sites: Arc<dyn SiteStore>,
    /// Looking up users.
    pub rooms: Arc<dyn RoomStore>,
    /// What is remembered of logins and users.
    pub access: Arc<AccessCache>,
    /// Between the store, the feed and the other nodes.
    pub bus: Arc<dyn Bus>,
    /// The other nodes, where there may be some.
    pub cluster: Option<Arc<dyn Cluster>>,
    /// Whether the store answers.
    pub health: Arc<dyn Health>,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Quotas.
    pub limiter: Arc<dyn RateLimiter>,
    /// Turns addresses into visitors.
    pub locate: Locate,
    /// What the bus brings from now on.
    pub subscription: Box<dyn Subscription>,
    /// The database, to be shut down at the end.
    pub store: StoreHandle,
}

/// The database's writers.
#[derive(Clone)]
pub struct StoreHandle(Arc<Store>);

impl StoreHandle {
    /// Lets the writers finish what they took, and nothing more in.
    pub async fn shut_down(&self) {
        let store = self.0.clone();
        // It waits for threads; a panic there was logged there.
        let _ = tokio::task::spawn_blocking(move || store.shutdown()).await;
    }
}

/// Takes the database for this process; refused while another server has it. To be kept as long as it serves.
pub fn lock(config: &Config) -> Result<ServeLock, String> {
    infra::lock_for_serving(&config.database()).map_err(|error| error.to_string())
}

/// The machine's clock.
pub fn system_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// Opens the database and builds the services, as the settings say; they go by `clock`. Must run within a tokio runtime.
pub async fn wire(config: &Config, clock: Arc<dyn Clock>) -> Result<Wired, String> {
    let (bus, cluster) = open_bus(config).await?;
    let subscription = bus.subscribe();
    let url = config.database();
    let access = Arc::new(AccessCache::new(&*bus));
    let options = Options { reserve_bytes: RESERVE, ..Options::default() };
    let store_bus = bus.clone();
    let opened = tokio::task::spawn_blocking(move || Store::open(&url, options, store_bus));
    let store = opened.await.map_err(|_| "the database could not be opened")?.map_err(|error| error.to_string())?;
    let store = Arc::new(store);
    let limits = !config.limits.off;
    let limiter: Arc<dyn RateLimiter> =
        if limits { Arc::new(Limiter::new(&config.limits.rates)) } else { Arc::new(Unlimited) };
    let several_nodes = config.is_clustered();
    let shared_quotas =
        (limits && several_nodes).then(|| SharedQuotas::new(store.quotas.clone(), config.limits.rates.clone()));
    let ports = Ports {
        accounts: store.accounts.clone(),
        rooms: store.rooms.clone(),
        sites: store.sites.clone(),
        log: store.log.clone(),
        messages: store.history.clone(),
        events: store.history.clone(),
        sanctions: store.history.clone(),
        access_reader: store.history.clone(),
        access: access.clone(),
        clock: clock.clone(),
        ids: Arc::new(RandomIds),
        hasher: Arc::new(BcryptHasher::new(config.password_cost)),
        tokens: Arc::new(JwtTokens::new(&store.token_key)),
        site_tokens: Arc::new(JwtSiteTokens),
        limiter: limiter.clone(),
        shared_quotas,
    };
    Ok(Wired {
        services: Services::new(ports, settings(config, limits)),
        events: store.history.clone(),
        accounts: store.accounts.clone(),
        sites: store.sites.clone(),
        rooms: store.rooms.clone(),
        access,
        bus,
        cluster,
        health: store.health.clone(),
        clock,
        limiter,
        locate: locate(config, Networks::new(store.network_key.clone()))?,
        subscription,
        store: StoreHandle(store),
    })
}

/// The bus of one process, or of several.
async fn open_bus(config: &Config) -> Result<(Arc<dyn Bus>, Option<Arc<dyn Cluster>>), String> {
    if !config.is_clustered() {
        return Ok((Arc::new(LocalBus::default()), None));
    }
    let bus = Arc::new(NatsBus::start(nats_options(config, config.node())).await.map_err(|error| error.to_string())?);
    Ok((bus.clone(), Some(bus)))
}

fn nats_options(config: &Config, node: NodeName) -> NatsOptions {
    NatsOptions {
        servers: config.nats_url.clone(),
        credentials: config.nats_credentials.clone(),
        ca: config.nats_ca.clone(),
        prefix: config.nats_prefix.clone(),
        node,
    }
}

/// What the database says of itself; `None` for a file that is made at the first start.
pub async fn inspect_database(config: &Config) -> Result<Option<DatabaseInfo>, String> {
    let url = config.database();
    let asked = tokio::task::spawn_blocking(move || inspect::database(&url, &SystemClock)).await;
    asked.map_err(|_| "the database could not be asked")?.map_err(|error| error.to_string())
}

/// What the bus says of itself, and which nodes are there; `None` when it cannot be reached.
pub async fn inspect_bus(config: &Config) -> Result<Option<BusInfo>, String> {
    let options = nats_options(config, NodeName::of_process("doctor", std::process::id()));
    inspect::bus(options, system_clock()).await.map_err(|error| error.to_string())
}

/// Who this process is among its nodes.
pub fn identity(config: &Config) -> Identity {
    let incarnation = if config.is_clustered() { 1 + RandomIds.below(INCARNATION_MAX) } else { 0 };
    Identity { name: config.node(), incarnation }
}

fn settings(config: &Config, limits: bool) -> Settings {
    let guests = match config.guests {
        Guests::Address => service::Guests::Address,
        Guests::Browser => service::Guests::Browser,
        Guests::Off => service::Guests::Off,
    };
    let room_creation = match config.room_creation {
        RoomCreation::Guest => Rank::Guest,
        RoomCreation::Registered => Rank::Registered,
        RoomCreation::Admin => Rank::Admin,
    };
    let site_creation = match config.site_creation {
        SiteCreation::Registered => Rank::Registered,
        SiteCreation::Admin => Rank::Admin,
    };
    let public_url = config.public_url.as_ref().map(PublicUrl::address);
    Settings { guests, room_creation, site_creation, public_url, limits }
}

fn locate(config: &Config, networks: Networks) -> Result<Locate, String> {
    let geography: Arc<dyn Geography> = match &config.geoip_file {
        Some(path) => Arc::new(GeoFile::open(path).map_err(|error| error.to_string())?),
        None => Arc::new(NoGeography),
    };
    Ok(Arc::new(move |address| ClientInfo {
        network: networks.of(address),
        wider: networks.wider(address),
        country: geography.country(address),
    }))
}

/// Makes root if there is none. The password, if it was made up here and now: to be shown once.
pub async fn ensure_root(wired: &Wired, config: &Config) -> Result<Option<String>, String> {
    let typed = config.root_password.clone();
    let password = typed.clone().unwrap_or_else(|| RandomIds.secret());
    let parsed = Password::parse(&password).map_err(|invalid| format!("ROOT_PASSWORD: the {invalid}"))?;
    let made = wired.services.accounts.ensure_root(parsed).await.map_err(|error| error.to_string())?;
    Ok((made && typed.is_none()).then_some(password))
}

/// Says that the database was restored from a backup; how many logs have new epochs.
pub async fn renew_epochs(config: &Config) -> Result<usize, String> {
    let url = config.database();
    let renewed = tokio::task::spawn_blocking(move || infra::renew_epochs(&url)).await;
    renewed.map_err(|_| "the change was ended")?.map_err(|error| error.to_string())
}

/// Brings the tables of the database up to date; which versions it ran.
pub async fn migrate(config: &Config) -> Result<Vec<String>, String> {
    let url = config.database();
    let ran = tokio::task::spawn_blocking(move || infra::migrate(&url)).await;
    ran.map_err(|_| "the migration was ended")?.map_err(|error| error.to_string())
}
