//! What a request names: a user, a room, a message or a connection in its path, and a page of a list in its query.

use crate::problem::{Code, Problem};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use domain::model::id::{MessageId, RoomUid, SiteUid, UserUid};
use domain::model::site_key::Kid;
use domain::model::text::Invalid;
use domain::service::error::{Error, Resource};
use serde::Deserialize;
use std::future::{Ready, ready};
use utoipa::IntoParams;

/// Something that a path or a body names.
pub trait Named: Sized {
    /// What it is; `None` when the text cannot name one.
    fn parse(text: &str) -> Option<Self>;

    /// That there is no such thing. What cannot be is answered like what is not.
    fn missing() -> Problem;

    /// What it is, or that there is none.
    fn named(text: &str) -> Result<Self, Problem> {
        Self::parse(text).ok_or_else(Self::missing)
    }
}

impl Named for UserUid {
    fn parse(text: &str) -> Option<UserUid> {
        UserUid::parse(text)
    }

    fn missing() -> Problem {
        Error::NoSuch(Resource::User).into()
    }
}

impl Named for RoomUid {
    fn parse(text: &str) -> Option<RoomUid> {
        RoomUid::parse(text)
    }

    fn missing() -> Problem {
        Error::NoSuch(Resource::Room).into()
    }
}

impl Named for SiteUid {
    fn parse(text: &str) -> Option<SiteUid> {
        SiteUid::parse(text)
    }

    fn missing() -> Problem {
        Error::NoSuch(Resource::Site).into()
    }
}

impl Named for Kid {
    fn parse(text: &str) -> Option<Kid> {
        Kid::parse(text)
    }

    fn missing() -> Problem {
        Error::NoSuch(Resource::SiteKey).into()
    }
}

impl Named for MessageId {
    fn parse(text: &str) -> Option<MessageId> {
        text.parse().ok().filter(|id| *id > 0).map(MessageId)
    }

    fn missing() -> Problem {
        Error::NoSuch(Resource::Message).into()
    }
}

/// The number of a socket of this process.
pub struct ConnectionId(pub u64);

impl Named for ConnectionId {
    fn parse(text: &str) -> Option<ConnectionId> {
        text.parse().ok().map(ConnectionId)
    }

    fn missing() -> Problem {
        Problem::new(Code::ConnectionUnknown, "There is no such connection.")
    }
}

/// What the path names.
pub struct At<T>(pub T);

impl<T: Named> FromRequest for At<T> {
    type Error = Problem;
    type Future = Ready<Result<At<T>, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = request.match_info().iter().next().map_or("", |(_, text)| text);
        ready(T::named(text).map(At))
    }
}

/// How many lines a page has unless the client says.
const LIMIT_DEFAULT: usize = 50;

/// How many lines a page has at most.
const LIMIT_MOST: usize = 100;

/// Which part of a list, latest first.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Where to go on: the `next` of the page before.
    pub before: Option<i64>,
    /// How many at most, 1 to 100; 50 unless given.
    limit: Option<i64>,
}

impl Page {
    /// How many at most.
    pub fn limit(&self) -> Result<usize, Problem> {
        limit(self.limit)
    }
}

/// How many at most, from what the client said.
pub fn limit(given: Option<i64>) -> Result<usize, Problem> {
    let Some(given) = given else { return Ok(LIMIT_DEFAULT) };
    let limit = usize::try_from(given).ok().filter(|limit| (1..=LIMIT_MOST).contains(limit));
    limit.ok_or_else(|| Error::from(Invalid::new("limit", format!("must be 1 to {LIMIT_MOST}"))).into())
}

/// Where the next page begins: after the last line, unless it was the last page.
pub fn next<T>(lines: &[T], limit: usize, place: impl Fn(&T) -> i64) -> Option<i64> {
    lines.last().filter(|_| lines.len() == limit).map(place)
}
