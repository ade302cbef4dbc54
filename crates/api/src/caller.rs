//! Who a request comes from: extractors for the address, the client and the login.

use crate::app::App;
use crate::client_ip;
use crate::config::Config;
use crate::problem::{Code, Problem};
use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, web};
use domain::service::error::Error;
use domain::service::reads::{ReadCost, Reader};
use domain::service::{Caller, ClientInfo};
use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;

/// The app of this request.
pub fn app(request: &HttpRequest) -> Result<web::Data<App>, Problem> {
    let app = request.app_data::<web::Data<App>>().cloned();
    app.ok_or_else(|| Problem::new(Code::Internal, "Something went wrong on the server."))
}

/// The address a request comes from, as far as listed proxies say so.
pub fn address(request: &HttpRequest, config: &Config) -> IpAddr {
    client_ip::of_request(peer(request), request.headers(), config)
}

/// The other end of the connection.
pub fn peer(request: &HttpRequest) -> IpAddr {
    request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip().to_canonical())
}

/// Whether the request came over TLS, which ends at a listed proxy: nobody else is believed.
pub fn is_secure(request: &HttpRequest, config: &Config) -> bool {
    let scheme = request.headers().get("x-forwarded-proto").and_then(|value| value.to_str().ok());
    config.is_trusted_proxy(peer(request)) && scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
}

/// The client of a request.
pub struct RequestClient(pub ClientInfo);

impl FromRequest for RequestClient {
    type Error = Problem;
    type Future = Ready<Result<RequestClient, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(app(request).map(|app| RequestClient((app.locate)(address(request, &app.config)))))
    }
}

/// Charges a read that anybody may ask for to the network and the user, before it is done.
pub fn charge(app: &App, client: &ClientInfo, caller: Option<&Caller>, read: ReadCost) -> Result<(), Problem> {
    let reader = Reader { client, user: caller.map(|caller| &caller.user), socket: None };
    Ok(reader.charge(&*app.limiter, read)?)
}

/// The token in `Authorization: Bearer …`, if there is one.
pub fn bearer(request: &HttpRequest) -> Option<String> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned()).filter(|token| !token.is_empty())
}

/// Whoever is logged in, if anybody. A token that is not valid is an error, not nobody.
pub struct MaybeCaller(pub Option<Caller>);

impl FromRequest for MaybeCaller {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<MaybeCaller, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let Some(token) = bearer(&request) else { return Ok(MaybeCaller(None)) };
            let app = app(&request)?;
            let client = (app.locate)(address(&request, &app.config));
            let accounts = &app.services.accounts;
            Ok(MaybeCaller(Some(match request.method().is_safe() {
                true => accounts.identify(&token, &client).await?,
                false => accounts.identify_actor(&token, &client).await?,
            })))
        })
    }
}

/// Whoever is logged in; nobody is an error.
pub struct LoggedIn(pub Caller);

impl FromRequest for LoggedIn {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<LoggedIn, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let anyone = MaybeCaller::from_request(request, payload);
        Box::pin(async move { Ok(LoggedIn(anyone.await?.0.ok_or(Error::LoginRequired)?)) })
    }
}
