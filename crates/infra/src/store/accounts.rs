//! Users and their logins.

use crate::db::access::Db;
use crate::db::coalesce::RequestCoalescer;
use crate::db::conn::AnyConn;
use crate::db::error::DbError;
use crate::db::schema::{messages, moderators, users};
use crate::store::erasing;
use crate::store::names::{claim, folded, free_reserved, taken_if_conflict};
use crate::store::users::{USER, UserRow};
use crate::store::{bounded, sessions as logins, users as people};
use async_trait::async_trait;
use diesel::dsl::exists;
use diesel::prelude::*;
use domain::model::id::{RoomId, SessionId, UserId, UserUid};
use domain::model::name::Username;
use domain::model::rank::Rank;
use domain::model::session::Session;
use domain::model::time::Timestamp;
use domain::model::user::{Member, NewUser, PasswordHash, User, UserChange};
use domain::ports::bus::{Bus, Notice};
use domain::ports::store::{AccountStore, Deletion, StoreError};
use std::sync::Arc;

/// The users of a database.
pub struct SqlAccounts {
    db: Arc<Db>,
    bus: Arc<dyn Bus>,
    logins: RequestCoalescer<(), SessionId, (Session, User)>,
}

impl SqlAccounts {
    /// The users of `db`; `bus` is told what was committed.
    pub fn new(db: Arc<Db>, bus: Arc<dyn Bus>) -> SqlAccounts {
        SqlAccounts { db, bus, logins: RequestCoalescer::default() }
    }
}

#[async_trait]
impl AccountStore for SqlAccounts {
    async fn create(&self, user: NewUser) -> Result<User, StoreError> {
        self.db.write(move |conn| insert(conn, &user, None)).await
    }

    async fn guest(&self, key: &str, user: NewUser) -> Result<User, StoreError> {
        let found = self.by_guest_key(key).await?;
        if let Some(guest) = found {
            return Ok(guest);
        }
        let owned_key = key.to_owned();
        let made = self.db.write(move |conn| match by_guest_key(conn, &owned_key)? {
            Some(guest) => Ok(guest),
            None => insert(conn, &user, Some(&owned_key)),
        });
        match made.await {
            Ok(guest) => Ok(guest),
            // Somebody else made this guest at the same moment, and with it took the key or the name.
            Err(error @ (StoreError::NameTaken | StoreError::Failed(_))) => self.by_guest_key(key).await?.ok_or(error),
            Err(error) => Err(error),
        }
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.db.read(move |conn| people::find(conn, id)).await
    }

    async fn user_by_uid(&self, uid: &UserUid) -> Result<Option<User>, StoreError> {
        let uid = uid.as_str().to_owned();
        self.db
            .read(move |conn| {
                one(users::table.filter(users::uid.eq(uid)).filter(users::deleted.eq(false)).select(USER).first(conn))
            })
            .await
    }

    async fn user_ever(&self, uid: &UserUid) -> Result<Option<User>, StoreError> {
        let uid = uid.as_str().to_owned();
        self.db.read(move |conn| one(users::table.filter(users::uid.eq(uid)).select(USER).first(conn))).await
    }

    async fn credentials(&self, username: &Username) -> Result<Option<(User, PasswordHash)>, StoreError> {
        let key = username.folded();
        self.db
            .read(move |conn| {
                let row = users::table
                    .filter(users::username_key.eq(key))
                    .filter(users::deleted.eq(false))
                    .select((USER, users::password))
                    .first::<(UserRow, Option<String>)>(conn)
                    .optional()?;
                let Some((row, Some(hash))) = row else { return Ok(None) };
                Ok(Some((row.into_user()?, PasswordHash(hash))))
            })
            .await
    }

    async fn find(&self, room: RoomId, typed: &str, limit: usize) -> Result<Vec<Member>, StoreError> {
        let typed = folded(typed);
        self.db.snapshot(move |conn| find(conn, room.0, typed, limit)).await
    }

    async fn list(&self, search: Option<&str>, after: UserId, limit: usize) -> Result<Vec<User>, StoreError> {
        let pattern = search.map(|text| containing(&folded(text)));
        self.db
            .read(move |conn| {
                let mut query = users::table
                    .filter(users::deleted.eq(false))
                    .filter(users::id.gt(after.0))
                    .order(users::id)
                    .limit(bounded(limit))
                    .select(USER)
                    .into_boxed();
                if let Some(pattern) = pattern {
                    let in_username = users::username_key.like(pattern.clone()).escape('\\');
                    query = query.filter(users::name_key.like(pattern).escape('\\').nullable().or(in_username));
                }
                query.load::<UserRow>(conn)?.into_iter().map(UserRow::into_user).collect()
            })
            .await
    }

    async fn update(&self, id: UserId, change: UserChange) -> Result<Option<User>, StoreError> {
        let (bus, is_seen) = (Arc::clone(&self.bus), change.shows());
        let announce = move |updated: &Option<Updated>| {
            let Some((user, ended)) = updated else { return };
            if let Some(ended) = ended {
                bus.announce(Notice::SessionsEnded(ended.clone()));
            }
            if is_seen {
                bus.announce(Notice::UserChanged(Box::new(user.clone())));
            }
        };
        let updated = self.db.write_then(move |conn| update(conn, id, change), announce).await?;
        Ok(updated.map(|(user, _)| user))
    }

    async fn delete(&self, id: UserId, at: Timestamp) -> Result<Deletion, StoreError> {
        let bus = Arc::clone(&self.bus);
        let announce = move |erased: &Deletion| {
            if *erased == Deletion::Done {
                bus.announce(Notice::UserDeleted(id));
            }
        };
        self.db.delete_then(move |conn| erasing::erase(conn, id.0, at), announce).await
    }

    async fn free_names(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.db.delete_then(move |conn| free_reserved(conn, now, limit), |_| {}).await
    }

    async fn forget_guests(
        &self,
        made_before: Timestamp,
        now: Timestamp,
        after: UserId,
        limit: usize,
    ) -> Result<(usize, Option<UserId>), StoreError> {
        let bus = Arc::clone(&self.bus);
        let announce = move |(erased, _): &(Vec<UserId>, Option<UserId>)| {
            erased.iter().for_each(|id| bus.announce(Notice::UserDeleted(*id)));
        };
        let forget = move |conn: &mut AnyConn| erasing::forget(conn, made_before, now, after, limit);
        let (erased, next) = self.db.delete_then(forget, announce).await?;
        Ok((erased.len(), next))
    }

    async fn open_session(&self, user: UserId, now: Timestamp, expires_at: Timestamp) -> Result<Session, StoreError> {
        self.db.write(move |conn| logins::open(conn, user, now, expires_at)).await
    }

    async fn session(&self, id: SessionId, now: Timestamp) -> Result<Option<(Session, User)>, StoreError> {
        let db = self.db.clone();
        let read = move |ids: Vec<SessionId>| {
            let db = db.clone();
            async move { db.read(move |conn| logins::find(conn, &ids)).await }
        };
        let login = self.logins.get((), id, read).await?;
        Ok(login.filter(|(session, _)| session.expires_at >= now))
    }

    async fn alive(&self, sessions: &[SessionId], now: Timestamp) -> Result<Vec<SessionId>, StoreError> {
        let ids: Vec<i64> = sessions.iter().map(|id| id.0).collect();
        self.db.snapshot(move |conn| logins::alive(conn, &ids, now)).await
    }

    async fn slide_session(&self, id: SessionId, expires_at: Timestamp) -> Result<(), StoreError> {
        self.db.write(move |conn| logins::slide(conn, id, expires_at)).await
    }

    async fn end_session(&self, id: SessionId) -> Result<bool, StoreError> {
        let bus = Arc::clone(&self.bus);
        let announce = move |ended: &bool| {
            if *ended {
                bus.announce(Notice::SessionsEnded(vec![id]));
            }
        };
        self.db.write_then(move |conn| logins::end(conn, id), announce).await
    }

    async fn keep_ticket(
        &self,
        fingerprint: &str,
        session: SessionId,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let fingerprint = fingerprint.to_owned();
        self.db.write(move |conn| logins::keep_ticket(conn, fingerprint, session, now, expires_at)).await
    }

    async fn take_ticket(&self, fingerprint: &str, now: Timestamp) -> Result<Option<SessionId>, StoreError> {
        let fingerprint = fingerprint.to_owned();
        self.db.write(move |conn| logins::take_ticket(conn, &fingerprint, now)).await
    }
}

impl SqlAccounts {
    async fn by_guest_key(&self, key: &str) -> Result<Option<User>, StoreError> {
        let key = key.to_owned();
        self.db.read(move |conn| by_guest_key(conn, &key)).await
    }
}

fn one(row: QueryResult<UserRow>) -> Result<Option<User>, DbError> {
    row.optional()?.map(UserRow::into_user).transpose()
}

fn by_guest_key(conn: &mut AnyConn, key: &str) -> Result<Option<User>, DbError> {
    one(users::table.filter(users::guest_key.eq(key)).filter(users::deleted.eq(false)).select(USER).first(conn))
}

fn insert(conn: &mut AnyConn, user: &NewUser, guest_key: Option<&str>) -> Result<User, DbError> {
    let username = user.login.as_ref().map(|(username, _)| username);
    let id = diesel::insert_into(users::table)
        .values((
            users::uid.eq(user.uid.as_str()),
            users::username.eq(username.map(Username::as_str)),
            users::username_key.eq(username.map(Username::folded)),
            users::display_name.eq(user.display_name.as_str()),
            users::name_key.eq(folded(user.display_name.as_str())),
            users::password.eq(user.login.as_ref().map(|(_, hash)| hash.0.as_str())),
            users::guest_key.eq(guest_key),
            users::country.eq(user.country.as_deref()),
            users::rank.eq(user.rank.as_str()),
            users::network.eq(user.network.as_ref().map(|network| network.0.as_str())),
            users::created_at.eq(user.created_at.0),
        ))
        .returning(users::id)
        .get_result::<i64>(conn)
        .map_err(DbError::from)
        .map_err(taken_if_conflict)?;
    claim(conn, id, username, &user.display_name)?;
    Ok(User {
        id: UserId(id),
        uid: user.uid.clone(),
        username: username.cloned(),
        display_name: user.display_name.clone(),
        picture: None,
        country: user.country.clone(),
        rank: user.rank,
        network: user.network.clone(),
        created_at: user.created_at,
        site: None,
    })
}

fn find(conn: &mut AnyConn, room: i64, typed: String, limit: usize) -> Result<Vec<Member>, DbError> {
    let members = || {
        users::table
            .left_join(moderators::table.on(moderators::user_id.eq(users::id).and(moderators::room.eq(room))))
            .filter(users::deleted.eq(false))
            .order((users::name_key, users::id))
            .limit(bounded(limit))
            .select((USER, moderators::rank.nullable()))
    };
    let exact = members()
        .filter(users::name_key.eq(typed.clone()).nullable().or(users::username_key.eq(typed.clone())))
        .load::<(UserRow, Option<String>)>(conn)?;
    let found = if exact.is_empty() {
        // All names that begin with it: up to the last character that Unicode can have.
        let last = format!("{typed}\u{10FFFF}");
        let by_name = users::name_key.ge(typed.clone()).and(users::name_key.lt(last.clone()));
        let by_username = users::username_key.ge(typed).and(users::username_key.lt(last));
        let has_written = exists(
            messages::table.filter(messages::room.eq(room)).filter(messages::author.eq(users::id)).select(messages::id),
        );
        members()
            .filter(by_name.nullable().or(by_username))
            .filter(moderators::rank.is_not_null().or(has_written))
            .load::<(UserRow, Option<String>)>(conn)?
    } else {
        exact
    };
    people::into_members(conn, room, found)
}

/// A LIKE pattern for what contains `text`. Both sides are folded, so that it does not matter that SQLite ignores case.
fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[derive(AsChangeset)]
#[diesel(table_name = users)]
struct Changes {
    display_name: Option<String>,
    name_key: Option<String>,
    picture: Option<Option<String>>,
    rank: Option<&'static str>,
    password: Option<String>,
    network: Option<String>,
    country: Option<String>,
}

/// A user as after a change, and the logins that a new password ended.
type Updated = (User, Option<Vec<SessionId>>);

fn update(conn: &mut AnyConn, id: UserId, change: UserChange) -> Result<Option<Updated>, DbError> {
    let name = change.display_name;
    let (hash, keep) = change.password.map(|password| (password.hash, password.keep)).unzip();
    let changes = Changes {
        name_key: name.as_ref().map(|name| folded(name.as_str())),
        display_name: name.as_ref().map(|name| name.as_str().to_owned()),
        picture: change.picture,
        rank: change.rank.map(Rank::as_str),
        password: hash.map(|hash| hash.0),
        network: change.network.map(|network| network.0),
        country: change.country,
    };
    // The first column changes nothing; without it a change of nothing would be no statement.
    let standing = users::table.filter(users::id.eq(id.0)).filter(users::deleted.eq(false));
    let changed = diesel::update(standing).set((users::deleted.eq(false), changes)).execute(conn)?;
    if changed == 0 {
        return Ok(None);
    }
    let Some(user) = people::find(conn, id)? else { return Ok(None) };
    if name.is_some() {
        claim(conn, id.0, user.username.as_ref(), &user.display_name)?;
    }
    let ended = keep.map(|keep| logins::end_all(conn, id, keep)).transpose()?;
    Ok(Some((user, ended)))
}
