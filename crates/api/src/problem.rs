//! Every error a client can meet: one table of code → status and title, and the mapping of the services' errors to it.
//!
//! docs/errors.md says the same for people; a test compares the two.

use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use domain::command::CommandError;
use domain::model::sanction::SanctionKind;
use domain::model::site_token::TokenFault;
use domain::policy::Denied;
use domain::service::error::{Error, RateLimitKind, Resource};
use serde::Serialize;
use utoipa::ToSchema;

macro_rules! codes {
    ($($variant:ident $status:literal $code:literal $title:literal;)+) => {
        /// A kind of problem. Its name in JSON never changes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $title] $variant,)+
        }

        impl Code {
            /// All of them, in the order of the document.
            pub const ALL: &[Code] = &[$(Code::$variant),+];

            /// The HTTP status, the name in JSON and the title.
            pub fn row(self) -> (u16, &'static str, &'static str) {
                match self {
                    $(Code::$variant => ($status, $code, $title),)+
                }
            }
        }
    };
}

codes! {
    BadRequest 400 "bad_request" "The request could not be read";
    Invalid 400 "invalid_field" "A value is not valid";
    CommandUnknown 400 "unknown_command" "There is no such command";
    CommandUsage 400 "command_usage" "The command is used wrongly";
    SocketOnly 400 "socket_only" "The command needs a WebSocket";
    NoRoom 400 "no_room" "No room was named or joined";
    AmbiguousName 400 "ambiguous_name" "More than one user is called that";
    UnknownFrame 400 "unknown_frame" "There is no such frame";
    TokenInvalid 401 "token_invalid" "The token or ticket is invalid or expired";
    SiteTokenAlgorithm 401 "token_algorithm" "The token is not signed with the algorithm of its key";
    SiteTokenHeader 401 "token_header" "The token's header brings a key along";
    SiteTokenKey 401 "token_key_unknown" "The token's key is unknown";
    SiteTokenKeyOther 401 "token_key_of_another_site" "The token's key belongs to another site";
    SiteTokenIssuer 401 "token_issuer" "The token's issuer is no site";
    SiteTokenSignature 401 "token_signature" "The token's signature is wrong";
    SiteTokenClaims 401 "token_claims" "A claim of the token is missing or of the wrong type";
    SiteTokenSubject 401 "token_subject" "The token's subject is empty, too long or has control characters";
    SiteTokenLifetime 401 "token_lifetime" "The token lasts too long, or ends before it begins";
    SiteTokenExpired 401 "token_expired" "The token has expired";
    SiteTokenNotYet 401 "token_not_yet_valid" "The token is not valid yet";
    SiteTokenFuture 401 "token_issued_in_future" "The token was issued in the future";
    SiteTokenAudience 401 "token_audience" "The token is for another server";
    SiteTokenRole 401 "token_role" "The token's role is none that there is";
    SiteTokenRoom 401 "token_room" "The token is not valid in this room";
    SiteTokenEnded 401 "token_ended" "The site ended this login";
    LoginRequired 401 "login_required" "Log in first";
    CredentialsWrong 401 "credentials_wrong" "The username or the password is wrong";
    Forbidden 403 "forbidden" "The rank is too low";
    Outranked 403 "outranked" "The user's rank is equal to or above yours";
    Oneself 403 "not_on_yourself" "You cannot moderate yourself";
    Banned 403 "banned" "A ban is in force";
    TimedOut 403 "timed_out" "A timeout is in force";
    AccountRequired 403 "account_required" "This takes an account on this server";
    GuestsOff 403 "guests_off" "Guest access is off";
    LinkRefused 403 "links_not_allowed" "Links are not allowed in this room";
    OriginRefused 403 "origin_not_allowed" "The page's origin is not allowed";
    NotFound 404 "not_found" "There is nothing at this address";
    UserUnknown 404 "user_not_found" "There is no such user";
    RoomUnknown 404 "room_not_found" "There is no such room";
    MessageUnknown 404 "message_not_found" "There is no such message";
    SanctionUnknown 404 "not_sanctioned" "No ban or timeout is in force";
    SiteUnknown 404 "site_not_found" "There is no such site";
    SiteKeyUnknown 404 "key_not_found" "The site has no such key";
    ConnectionUnknown 404 "connection_not_found" "There is no such connection";
    MethodNotAllowed 405 "method_not_allowed" "The method is not allowed at this address";
    TimeoutReached 408 "request_timeout" "The request took too long to arrive";
    NameTaken 409 "name_taken" "The name is taken, or looks like one that is";
    TooManyRooms 409 "too_many_rooms" "The connection is in too many rooms";
    TooLarge 413 "too_large" "The body or frame is too large";
    TooLong 400 "message_too_long" "The room allows shorter messages";
    MediaType 415 "unsupported_media_type" "The body is neither JSON nor a form";
    SlowMode 429 "slow_mode" "The room is in slow mode";
    Flood 429 "flood" "Too many messages at once";
    Repeated 429 "repeated" "The same message again";
    LoginSlowed 429 "login_slowed" "Too many login attempts";
    RateLimited 429 "rate_limited" "Too many requests";
    Internal 500 "internal" "Something went wrong on the server";
    Busy 503 "busy" "The server is busy or cannot reach its database";
    StorageFull 503 "storage_full" "The server's disk is full";
    Draining 503 "draining" "The server is about to stop";
}

/// An error as clients see it, over HTTP (`application/problem+json`) and in `error` frames alike: there it is a
/// [`ProblemView`].
#[derive(Clone, Debug)]
pub struct Problem {
    kind: Code,
    /// The HTTP status.
    pub status: u16,
    /// What happened, for people.
    pub detail: String,
    /// What happened, for programs.
    pub code: &'static str,
    /// The field that is wrong.
    pub field: Option<String>,
    /// When to come back, in seconds.
    pub retry_after: Option<i64>,
    /// Until when a sanction holds, ms.
    pub until: Option<i64>,
}

/// An error.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
#[serde(rename_all = "camelCase")]
pub struct ProblemView<'a> {
    /// Where the code is explained.
    #[serde(rename = "type")]
    kind: String,
    /// What the code means.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened, for people.
    detail: &'a str,
    /// What happened, for programs.
    code: &'static str,
    /// `detail` again, for older clients.
    error: &'a str,
    /// The field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    /// When to come back, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<i64>,
    /// Until when a sanction holds, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
}

impl Problem {
    /// What is shown of it by a server that is reached under this path.
    pub fn view(&self, base_path: &str) -> ProblemView<'_> {
        ProblemView {
            kind: format!("{base_path}/docs/errors.html#{}", self.code),
            title: self.kind.row().2,
            status: self.status,
            detail: &self.detail,
            code: self.code,
            error: &self.detail,
            field: self.field.as_deref(),
            retry_after: self.retry_after,
            until: self.until,
        }
    }

    /// Whether it is worth a line in the log with who it was: somebody tries what is not theirs, or too often.
    pub fn concerns_security(&self) -> bool {
        // Whatever is wrong with a token, or with a name and a password.
        (self.status == 401 && self.kind != Code::LoginRequired)
            || matches!(self.kind, Code::OriginRefused | Code::LoginSlowed | Code::RateLimited)
    }

    /// The problem `code`, told in `detail`.
    pub fn new(code: Code, detail: impl Into<String>) -> Problem {
        let (status, name, _) = code.row();
        Problem { kind: code, status, detail: detail.into(), code: name, field: None, retry_after: None, until: None }
    }

    /// The same, naming the field that is wrong.
    pub fn field(mut self, field: impl Into<String>) -> Problem {
        self.field = Some(field.into());
        self
    }

    fn retry_after(mut self, seconds: Option<i64>) -> Problem {
        self.retry_after = seconds.map(|seconds| seconds.max(1));
        self
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code()).json(self.view(""));
        // Where the server is reached under a path, `layers::watch` writes it anew.
        response.extensions_mut().insert(self.clone());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == 401 {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let detail = error.to_string();
        let new = |code| Problem::new(code, detail.clone());
        match &error {
            Error::Invalid(invalid) => new(Code::Invalid).field(invalid.field),
            Error::LoginRequired => new(Code::LoginRequired),
            Error::TokenInvalid => new(Code::TokenInvalid),
            Error::SiteToken(fault) => new(site_token(*fault)),
            Error::AccountRequired => new(Code::AccountRequired),
            Error::CredentialsWrong => new(Code::CredentialsWrong),
            Error::GuestsOff => new(Code::GuestsOff),
            Error::NoSuch(thing) => new(match thing {
                Resource::User => Code::UserUnknown,
                Resource::Room => Code::RoomUnknown,
                Resource::Message => Code::MessageUnknown,
                Resource::Sanction => Code::SanctionUnknown,
                Resource::Site => Code::SiteUnknown,
                Resource::SiteKey => Code::SiteKeyUnknown,
            }),
            Error::NobodyCalled { .. } => new(Code::UserUnknown),
            Error::Ambiguous { .. } => new(Code::AmbiguousName),
            Error::NameTaken => new(Code::NameTaken),
            Error::Denied(Denied::Rank { .. }) | Error::AuthorityLost => new(Code::Forbidden),
            Error::Denied(Denied::Outranked) => new(Code::Outranked),
            Error::Denied(Denied::Oneself) => new(Code::Oneself),
            Error::Sanctioned { kind, until, retry_after } => {
                let code = match kind {
                    SanctionKind::Ban => Code::Banned,
                    SanctionKind::Timeout => Code::TimedOut,
                };
                let mut problem = new(code).retry_after(retry_after.map(|span| span.as_seconds_up()));
                problem.until = until.map(|until| until.0);
                problem
            }
            Error::TooFast { pace, retry_after } => new(match pace {
                RateLimitKind::SlowMode => Code::SlowMode,
                RateLimitKind::Flood => Code::Flood,
                RateLimitKind::Repeated => Code::Repeated,
                RateLimitKind::Login => Code::LoginSlowed,
                RateLimitKind::Other => Code::RateLimited,
            })
            .retry_after(Some(retry_after.as_seconds_up())),
            Error::TooLong { .. } => new(Code::TooLong).field("message"),
            Error::LinkRefused { .. } => new(Code::LinkRefused),
            Error::Command(CommandError::Unknown { .. }) => new(Code::CommandUnknown),
            Error::Command(CommandError::Usage { .. }) => new(Code::CommandUsage),
            Error::SocketOnly { .. } => new(Code::SocketOnly),
            Error::NoRoom => new(Code::NoRoom),
            Error::Busy { retry_after } => new(Code::Busy).retry_after(Some(retry_after.as_seconds_up())),
            Error::StorageFull { retry_after } => new(Code::StorageFull).retry_after(Some(retry_after.as_seconds_up())),
            Error::Failed(words) => {
                // The only place where a store's own words are told, and only to the log.
                tracing::error!(error = %words, "the store failed");
                new(Code::Internal)
            }
        }
    }
}

/// The code of what is wrong with a token of a site.
fn site_token(fault: TokenFault) -> Code {
    match fault {
        TokenFault::Algorithm => Code::SiteTokenAlgorithm,
        TokenFault::Header => Code::SiteTokenHeader,
        TokenFault::KeyUnknown => Code::SiteTokenKey,
        TokenFault::KeyOfAnotherSite => Code::SiteTokenKeyOther,
        TokenFault::Issuer => Code::SiteTokenIssuer,
        TokenFault::Signature => Code::SiteTokenSignature,
        TokenFault::Claims => Code::SiteTokenClaims,
        TokenFault::Subject => Code::SiteTokenSubject,
        TokenFault::Lifetime => Code::SiteTokenLifetime,
        TokenFault::Expired => Code::SiteTokenExpired,
        TokenFault::NotYet => Code::SiteTokenNotYet,
        TokenFault::IssuedInFuture => Code::SiteTokenFuture,
        TokenFault::Audience => Code::SiteTokenAudience,
        TokenFault::Role => Code::SiteTokenRole,
        TokenFault::Room => Code::SiteTokenRoom,
        TokenFault::Ended => Code::SiteTokenEnded,
    }
}

/// The refusal of a method, with those that there are.
pub fn method_not_allowed(request: &HttpRequest, methods: &[&str]) -> HttpResponse {
    let mut allowed = methods.join(", ");
    if methods.contains(&"GET") {
        allowed.push_str(", HEAD");
    }
    let mut response = if request.method() == Method::OPTIONS {
        HttpResponse::NoContent().finish()
    } else {
        Problem::new(Code::MethodNotAllowed, format!("This address takes {allowed}")).error_response()
    };
    if let Ok(value) = HeaderValue::from_str(&allowed) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}
