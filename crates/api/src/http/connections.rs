//! Sockets, seen from HTTP: the ticket that opens one, and the list of those that are open.

use crate::app::App;
use crate::caller::{self, LoggedIn};
use crate::http::extract::{At, ConnectionId, Named};
use crate::http::layers;
use crate::problem::{Code, Problem};
use crate::realtime::others::NodeInfo;
use crate::view::{self, UserView};
use actix_web::{HttpRequest, HttpResponse, web};
use domain::model::connection::ConnectionInfo;
use domain::model::node::NodeName;
use domain::policy::{self, Action};
use domain::service::error::Error;
use domain::service::identity::TICKET_LIFETIME;
use serde::Serialize;
use utoipa::ToSchema;

/// A way to a socket.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TicketAnswer {
    /// Where to connect.
    websocket_url: String,
    /// What logs in one socket, once: `?ticket=TICKET`.
    ticket: String,
    /// How long it is good, in seconds.
    expires_in: i64,
}

/// Gives a ticket that logs in one socket.
#[utoipa::path(get, path = "/websocket", tag = "connections", security(("bearer" = [])),
    responses((status = 200, body = TicketAnswer)))]
pub async fn ticket(
    app: web::Data<App>,
    request: HttpRequest,
    LoggedIn(caller): LoggedIn,
) -> Result<HttpResponse, Problem> {
    let ticket = app.services.accounts.ticket(&caller).await?;
    let expires_in = TICKET_LIFETIME.as_seconds_up();
    Ok(HttpResponse::Ok().json(TicketAnswer { websocket_url: socket_url(&request, &app), ticket, expires_in }))
}

/// Where this server's sockets are: at PUBLIC_URL, else at the host that the client asked.
fn socket_url(request: &HttpRequest, app: &App) -> String {
    if let Some(url) = &app.config.public_url {
        return url.websocket();
    }
    let host = layers::host(request.head()).unwrap_or("localhost");
    let scheme = if caller::is_secure(request, &app.config) { "wss" } else { "ws" };
    format!("{scheme}://{host}/ws")
}

/// A socket.
#[derive(Serialize, ToSchema)]
struct ConnectionView {
    /// Its number, unique over all nodes.
    id: u64,
    /// The node that it is on.
    node: String,
    /// Who is logged in on it; null for nobody.
    user: Option<UserView>,
    /// The uids of the rooms it is in.
    rooms: Vec<String>,
    /// Since when, ms.
    timestamp: i64,
}

/// A process of the server.
#[derive(Serialize, ToSchema)]
struct NodeView {
    /// Its name.
    name: String,
    /// The program's version there.
    version: String,
    /// How many sockets are open there; null when it is silent.
    connections: Option<usize>,
    /// Whether it did not answer within a second: its sockets are missing from the list.
    silent: bool,
}

/// The sockets.
#[derive(Serialize, ToSchema)]
struct ConnectionsAnswer {
    /// Those of all nodes that answered.
    connections: Vec<ConnectionView>,
    /// The nodes, the one that answers first.
    nodes: Vec<NodeView>,
}

fn view_of(info: &ConnectionInfo, node: &NodeName) -> ConnectionView {
    ConnectionView {
        id: info.id,
        node: node.to_string(),
        user: info.user.as_deref().map(view::user),
        rooms: info.rooms.iter().map(|(_, uid)| uid.to_string()).collect(),
        timestamp: info.since.0,
    }
}

/// The sockets that are open on all nodes, for administrators.
#[utoipa::path(get, path = "/connections", tag = "connections", security(("bearer" = [])),
    responses((status = 200, body = ConnectionsAnswer)))]
pub async fn list(app: web::Data<App>, LoggedIn(caller): LoggedIn) -> Result<HttpResponse, Problem> {
    policy::may(&caller.user, Action::Administer).map_err(Error::from)?;
    let (mut connections, mut nodes) = (Vec::new(), Vec::new());
    for NodeInfo { name, version, connections: there } in app.node.all_connections().await {
        let (count, silent) = (there.as_ref().map(Vec::len), there.is_none());
        connections.extend(there.iter().flatten().map(|info| view_of(info, &name)));
        nodes.push(NodeView { name: name.to_string(), version, connections: count, silent });
    }
    Ok(HttpResponse::Ok().json(ConnectionsAnswer { connections, nodes }))
}

/// Closes a socket on any node; its client may come back.
#[utoipa::path(delete, path = "/connections/{id}", tag = "connections", security(("bearer" = [])),
    params(("id" = u64, Path)), responses((status = 204)))]
pub async fn close(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    At(id): At<ConnectionId>,
) -> Result<HttpResponse, Problem> {
    policy::may(&caller.user, Action::Administer).map_err(Error::from)?;
    let silent = |_| Problem::new(Code::Busy, "The node of this connection does not answer.");
    let user = app.node.connection(id.0).await.map_err(silent)?.and_then(|info| info.user);
    if let Some(user) = user.filter(|user| user.id != caller.user.id) {
        policy::may_to(&caller.user, Action::Administer, &*user).map_err(Error::from)?;
    }
    if !app.node.close_anywhere(id.0).await.map_err(silent)? {
        return Err(ConnectionId::missing());
    }
    Ok(HttpResponse::NoContent().finish())
}
