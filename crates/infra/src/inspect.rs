//! Looking at a database or a bus without serving on it, for an operator who wants to know what is wrong.

use crate::adapters::nats::{NatsBus, NatsError, NatsOptions, PAYLOAD_MAX};
use crate::db::conn::{AnyConn, Role, connect};
use crate::db::error::DbError;
use crate::db::migrate::{self, SchemaStatus};
use crate::db::target::Target;
use crate::{OpenError, Options};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use domain::model::node::{Beat, NodeName};
use domain::ports::cluster::{AnswersNodes, Cluster, NodeAnswer, NodeRequest};
use domain::ports::effects::Clock;
use domain::presence::{BEAT_EVERY, Peer, Peers};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a database says of itself.
#[derive(Clone, Debug)]
pub struct DatabaseInfo {
    /// Such as `PostgreSQL 17.2`.
    pub version: String,
    /// How its tables stand to this program.
    pub schema: SchemaStatus,
    /// How long one question takes.
    pub answers_in: Duration,
    /// What only a server has.
    pub server: Option<DatabaseServerInfo>,
}

/// What a PostgreSQL server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseServerInfo {
    /// How many milliseconds its clock is ahead of this machine's, give or take the time of one question; negative when it is
    /// behind.
    pub ahead: i64,
    /// The connections that it allows to all users but superusers.
    pub connections_max: i64,
    /// Those that one node opens, while it starts too.
    pub connections_per_node: i64,
    /// Its settings without which a commit may be lost when it crashes, if they are off: `fsync`, `full_page_writes`.
    pub unsafe_settings: Vec<String>,
}

#[derive(QueryableByName)]
struct ServerRow {
    #[diesel(sql_type = Text)]
    version: String,
    #[diesel(sql_type = BigInt)]
    clock: i64,
    #[diesel(sql_type = BigInt)]
    connections_max: i64,
    #[diesel(sql_type = Text)]
    off: String,
}

#[derive(QueryableByName)]
struct FileRow {
    #[diesel(sql_type = Text)]
    version: String,
}

/// `off` is a list of those settings that are, by comma.
const ASK_SERVER: &str = "SELECT current_setting('server_version') AS version, \
     (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS clock, \
     current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint AS connections_max, \
     concat_ws(',', CASE current_setting('fsync') WHEN 'off' THEN 'fsync' END, \
     CASE current_setting('full_page_writes') WHEN 'off' THEN 'full_page_writes' END) AS off";

/// Asks the database that `url` names, changing nothing; `None` for a SQLite file that is not there yet. Blocks, for at most
/// a few seconds.
pub fn database(url: &str, clock: &dyn Clock) -> Result<Option<DatabaseInfo>, OpenError> {
    let target = Target::parse(url)?;
    if matches!(&target, Target::Sqlite(path) if !path.exists()) {
        return Ok(None);
    }
    let mut conn = connect(&target, Role::Serve)?;
    let schema = migrate::status(&mut conn)?;
    let (began, asked_at) = (Instant::now(), clock.now());
    let (version, server) = match &mut conn {
        AnyConn::Pg(conn) => {
            let row: ServerRow = diesel::sql_query(ASK_SERVER).get_result(conn).map_err(DbError::from)?;
            let half_way = asked_at.0 + (clock.now() - asked_at).as_millis() / 2;
            let server = DatabaseServerInfo {
                ahead: row.clock - half_way,
                connections_max: row.connections_max,
                connections_per_node: Options::default().connections(),
                unsafe_settings: row.off.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            };
            let version = row.version.split(' ').next().unwrap_or_default().to_owned();
            (format!("PostgreSQL {version}"), Some(server))
        }
        AnyConn::Sqlite(conn) => {
            let query = diesel::sql_query("SELECT sqlite_version() AS version");
            let row: FileRow = query.get_result(conn).map_err(DbError::from)?;
            (format!("SQLite {}", row.version), None)
        }
    };
    Ok(Some(DatabaseInfo { version, schema, answers_in: began.elapsed(), server }))
}

/// What a NATS server says of itself, and the nodes that are heard through it.
#[derive(Clone, Debug)]
pub struct BusInfo {
    /// The server's version.
    pub version: String,
    /// The largest message that it takes, in bytes.
    pub max_payload: usize,
    /// The largest one that nodes send.
    pub payload_needed: usize,
    /// How long a message to the server and back takes.
    pub answers_in: Duration,
    /// The nodes, by name.
    pub nodes: Vec<(NodeName, Peer)>,
}

/// Hears beats, and is nobody.
struct Listener {
    peers: Mutex<Peers>,
    clock: Arc<dyn Clock>,
}

impl AnswersNodes for Listener {
    fn answer(&self, _: NodeRequest) -> NodeAnswer {
        NodeAnswer::Missing
    }

    fn hear(&self, beat: Beat) {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner).hear(beat, self.clock.now());
    }
}

/// Connects to NATS under a name of its own, and listens for as long as it takes every node to tell about itself; `None` when
/// NATS cannot be reached. Must be called within a tokio runtime.
pub async fn bus(options: NatsOptions, clock: Arc<dyn Clock>) -> Result<Option<BusInfo>, NatsError> {
    let bus = NatsBus::start(options).await?;
    let Some((version, max_payload)) = bus.server() else { return Ok(None) };
    let listener = Arc::new(Listener { peers: Mutex::default(), clock });
    bus.serve(listener.clone());
    let began = Instant::now();
    bus.flush().await;
    let answers_in = began.elapsed();
    tokio::time::sleep(Duration::from_millis(BEAT_EVERY.as_millis().unsigned_abs() + 500)).await;
    let peers = listener.peers.lock().unwrap_or_else(PoisonError::into_inner);
    let nodes = peers.all().map(|(name, peer)| (name.clone(), peer.clone())).collect();
    Ok(Some(BusInfo { version, max_payload, payload_needed: PAYLOAD_MAX, answers_in, nodes }))
}
