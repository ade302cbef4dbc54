//! Whom sites sign in.

use crate::db::conn::{AnyConn, on_backend};
use crate::db::error::DbError;
use crate::db::schema::{site_keys, site_users, sites, users};
use crate::store::LIST_MAX;
use crate::store::names::folded;
use crate::store::users::{USER, UserRow};
use diesel::prelude::*;
use domain::model::id::{SiteId, SiteUid, UserId};
use domain::model::login::{EndedTokens, SiteTokenId};
use domain::model::name::DisplayName;
use domain::model::rank::Rank;
use domain::model::site_token::kept_since;
use domain::model::time::Timestamp;
use domain::model::user::{Network, SiteMembership, User};
use domain::ports::store::{SignIn, SignInResult, SiteUser};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What a batch of tokens became, and the users that others see changed.
#[derive(Default)]
pub struct SignedIn {
    /// Of each token.
    pub results: HashMap<SignIn, SignInResult>,
    /// Users as after it.
    pub changed: Vec<User>,
}

/// A subject's row while a batch is written.
#[derive(Clone)]
struct Standing {
    user: Option<User>,
    issued_at: Timestamp,
    issued_from: Timestamp,
}

/// The key of a row.
type Named = (i64, String);

/// A token's place in a batch: it is written after those that were issued before it.
pub fn sign_in(conn: &mut AnyConn, logins: &[SignIn]) -> Result<SignedIn, DbError> {
    let uids = lock_sites(conn, logins)?;
    let mut ordered: Vec<&SignIn> = logins.iter().collect();
    ordered.sort_by(|a, b| (a.site.0, &a.subject, a.issued_at).cmp(&(b.site.0, &b.subject, b.issued_at)));
    let before = standing(conn, &ordered)?;
    let (mut after, mut made, mut done) = (before.clone(), BTreeMap::<Named, User>::new(), SignedIn::default());
    for login in ordered {
        let named = (login.site.0, login.subject.clone());
        let Some(uid) = uids.get(&login.site.0) else {
            done.results.insert(login.clone(), SignInResult::NoSite);
            continue;
        };
        let known = after.get(&named).cloned();
        let known = known.unwrap_or(Standing { user: None, issued_at: Timestamp(0), issued_from: Timestamp(0) });
        if login.issued_at < known.issued_from {
            done.results.insert(login.clone(), SignInResult::Ended);
            continue;
        }
        let is_newest = login.issued_at >= known.issued_at;
        let user = match known.user {
            Some(user) if is_newest => as_told(user, login),
            Some(user) => User { network: Some(login.network.clone()), ..user },
            None => as_told(blank(login, uid), login),
        };
        if before.get(&named).is_none_or(|row| row.user.is_none()) {
            made.insert(named.clone(), user.clone());
        }
        let issued_at = login.issued_at.max(known.issued_at);
        let standing = Standing { user: Some(user.clone()), issued_at, ..known };
        let told = SiteUser { user, issued_at, issued_from: standing.issued_from };
        after.insert(named, standing);
        done.results.insert(login.clone(), SignInResult::Done(Box::new(told)));
    }
    let ids = insert_users(conn, made.values())?;
    write(conn, &before, &mut after, &ids, &mut done)?;
    // Whoever was made has a number now, and all who came at once have the latest.
    for (login, result) in &mut done.results {
        if let SignInResult::Done(told) = result
            && let Some(row) = after.get(&(login.site.0, login.subject.clone()))
            && let Some(user) = &row.user
        {
            **told = SiteUser { user: user.clone(), issued_at: row.issued_at, issued_from: row.issued_from };
        }
    }
    Ok(done)
}

/// The uids of the sites, which nobody deletes until the transaction is over.
fn lock_sites(conn: &mut AnyConn, logins: &[SignIn]) -> Result<HashMap<i64, SiteUid>, DbError> {
    let ids: HashSet<i64> = logins.iter().map(|login| login.site.0).collect();
    let ids: Vec<i64> = ids.into_iter().collect();
    let query = sites::table.filter(sites::id.eq_any(ids)).order(sites::id).select((sites::id, sites::uid));
    let rows: Vec<(i64, String)> = match conn {
        AnyConn::Pg(c) => query.for_share().load(c)?,
        // The transaction is the lock.
        AnyConn::Sqlite(c) => query.load(c)?,
    };
    let known = |(id, uid): (i64, String)| Ok((id, SiteUid::parse(&uid).ok_or(DbError::Damaged("sites.uid"))?));
    rows.into_iter().map(known).collect()
}

/// The rows of these subjects, locked in their order.
fn standing(conn: &mut AnyConn, ordered: &[&SignIn]) -> Result<BTreeMap<Named, Standing>, DbError> {
    let mut by_site: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for login in ordered {
        by_site.entry(login.site.0).or_default().push(login.subject.clone());
    }
    let mut found = BTreeMap::new();
    for (site, mut subjects) in by_site {
        subjects.dedup();
        let named = site_users::table.filter(site_users::site.eq(site)).filter(site_users::subject.eq_any(subjects));
        let named = named.order(site_users::subject).select((
            site_users::subject,
            site_users::user_id,
            site_users::issued_at,
            site_users::issued_from,
        ));
        let rows: Vec<(String, Option<i64>, i64, i64)> = match conn {
            AnyConn::Pg(c) => named.for_update().load(c)?,
            AnyConn::Sqlite(c) => named.load(c)?,
        };
        let ids: Vec<i64> = rows.iter().filter_map(|row| row.1).collect();
        let mut people = by_id(conn, ids)?;
        for (subject, user, issued_at, issued_from) in rows {
            let user = user.and_then(|id| people.remove(&id));
            let (issued_at, issued_from) = (Timestamp(issued_at), Timestamp(issued_from));
            found.insert((site, subject), Standing { user, issued_at, issued_from });
        }
    }
    Ok(found)
}

/// These users, as far as they were not deleted.
fn by_id(conn: &mut AnyConn, ids: Vec<i64>) -> Result<HashMap<i64, User>, DbError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let people = users::table.filter(users::id.eq_any(ids)).filter(users::deleted.eq(false)).select(USER);
    let people = people.load::<UserRow>(conn)?.into_iter().map(UserRow::into_user);
    people.map(|user| user.map(|user| (user.id.0, user))).collect()
}

/// Somebody of whom nothing is known yet.
fn blank(login: &SignIn, site: &SiteUid) -> User {
    User {
        id: UserId(0),
        uid: login.new_uid.clone(),
        username: None,
        display_name: DisplayName::of_site_user(&login.new_uid),
        picture: None,
        country: login.country.clone(),
        rank: Rank::Registered,
        network: Some(login.network.clone()),
        created_at: login.at,
        site: Some(SiteMembership { site: site.clone(), rank: None }),
    }
}

fn as_told(user: User, login: &SignIn) -> User {
    User {
        display_name: login.name.clone().unwrap_or(user.display_name),
        picture: login.picture.clone(),
        network: Some(login.network.clone()),
        site: user.site.map(|membership| SiteMembership { rank: login.rank, ..membership }),
        ..user
    }
}

#[derive(Insertable)]
#[diesel(table_name = users, treat_none_as_default_value = false)]
struct NewRow<'a> {
    uid: &'a str,
    display_name: &'a str,
    name_key: String,
    picture: Option<&'a str>,
    country: Option<&'a str>,
    rank: &'static str,
    network: Option<&'a str>,
    created_at: i64,
    deleted: bool,
    site: Option<&'a str>,
    site_rank: Option<&'static str>,
}

impl<'a> From<&'a User> for NewRow<'a> {
    fn from(user: &'a User) -> NewRow<'a> {
        NewRow {
            uid: user.uid.as_str(),
            display_name: user.display_name.as_str(),
            name_key: folded(user.display_name.as_str()),
            picture: user.picture.as_deref(),
            country: user.country.as_deref(),
            rank: user.rank.as_str(),
            network: user.network.as_ref().map(|Network(network)| network.as_str()),
            created_at: user.created_at.0,
            deleted: false,
            site: user.site.as_ref().map(|membership| membership.site.as_str()),
            site_rank: rank_of(user),
        }
    }
}

fn rank_of(user: &User) -> Option<&'static str> {
    user.site.as_ref().and_then(|membership| membership.rank).map(Rank::as_str)
}

/// Makes these users; their numbers, by uid.
fn insert_users<'a>(conn: &mut AnyConn, made: impl Iterator<Item = &'a User>) -> Result<HashMap<String, i64>, DbError> {
    let rows: Vec<NewRow<'_>> = made.map(NewRow::from).collect();
    let mut ids = HashMap::new();
    for some in rows.chunks(LIST_MAX) {
        let numbers = (users::uid, users::id);
        let returned: Vec<(String, i64)> = match conn {
            AnyConn::Pg(c) => diesel::insert_into(users::table).values(some).returning(numbers).get_results(c)?,
            AnyConn::Sqlite(c) => {
                let insert = |row| diesel::insert_into(users::table).values(row).returning(numbers).get_result(c);
                some.iter().map(insert).collect::<QueryResult<_>>()?
            }
        };
        ids.extend(returned);
    }
    Ok(ids)
}

#[derive(Insertable)]
#[diesel(table_name = site_users, treat_none_as_default_value = false)]
struct NewSubject {
    site: i64,
    subject: String,
    user_id: Option<i64>,
    issued_at: i64,
    issued_from: i64,
}

/// Writes what is other than before.
fn write(
    conn: &mut AnyConn,
    before: &BTreeMap<Named, Standing>,
    after: &mut BTreeMap<Named, Standing>,
    ids: &HashMap<String, i64>,
    done: &mut SignedIn,
) -> Result<(), DbError> {
    let mut fresh = Vec::new();
    for (named, row) in after.iter_mut() {
        let Some(user) = &mut row.user else { continue };
        if let Some(id) = ids.get(user.uid.as_str()) {
            user.id = UserId(*id);
        }
        let (site, subject) = named;
        let (issued_at, issued_from) = (row.issued_at.0, row.issued_from.0);
        let Some(known) = before.get(named) else {
            let (site, subject) = (*site, subject.clone());
            fresh.push(NewSubject { site, subject, user_id: Some(user.id.0), issued_at, issued_from });
            continue;
        };
        if known.user.is_none() || known.issued_at != row.issued_at {
            diesel::update(site_users::table.find((site, subject)))
                .set((site_users::user_id.eq(user.id.0), site_users::issued_at.eq(issued_at)))
                .execute(conn)?;
        }
        let Some(known) = &known.user else { continue };
        if known != user {
            update_user(conn, user)?;
        }
        let shown = |user: &User| (user.display_name.clone(), user.picture.clone(), user.site.clone());
        if shown(known) != shown(user) {
            done.changed.push(user.clone());
        }
    }
    for some in fresh.chunks(LIST_MAX) {
        on_backend!(conn, |c| diesel::insert_into(site_users::table).values(some).execute(c)?);
    }
    Ok(())
}

fn update_user(conn: &mut AnyConn, user: &User) -> Result<(), DbError> {
    diesel::update(users::table.find(user.id.0))
        .set((
            users::display_name.eq(user.display_name.as_str()),
            users::name_key.eq(folded(user.display_name.as_str())),
            users::picture.eq(user.picture.as_deref()),
            users::network.eq(user.network.as_ref().map(|Network(network)| network.as_str())),
            users::site_rank.eq(rank_of(user)),
        ))
        .execute(conn)?;
    Ok(())
}

/// The user whom a site calls so.
pub fn find(conn: &mut AnyConn, site: SiteId, subject: &str) -> Result<Option<SiteUser>, DbError> {
    let row = site_users::table
        .inner_join(users::table.on(users::id.nullable().eq(site_users::user_id)))
        .filter(site_users::site.eq(site.0))
        .filter(site_users::subject.eq(subject))
        .filter(users::deleted.eq(false))
        .select((USER, site_users::issued_at, site_users::issued_from))
        .first::<(UserRow, i64, i64)>(conn)
        .optional()?;
    let Some((user, issued_at, issued_from)) = row else { return Ok(None) };
    let (issued_at, issued_from) = (Timestamp(issued_at), Timestamp(issued_from));
    Ok(Some(SiteUser { user: user.into_user()?, issued_at, issued_from }))
}

/// Refuses tokens of a subject that were issued before `at`; what is to be announced.
pub fn end_tokens(
    conn: &mut AnyConn,
    site: SiteId,
    subject: &str,
    at: Timestamp,
) -> Result<Option<EndedTokens>, DbError> {
    let there = sites::table.find(site.0).select(sites::id);
    let there: Option<i64> = match conn {
        AnyConn::Pg(c) => there.for_share().first(c).optional()?,
        AnyConn::Sqlite(c) => there.first(c).optional()?,
    };
    if there.is_none() {
        return Ok(None);
    }
    let gone = site_users::table.filter(site_users::site.eq(site.0)).filter(site_users::user_id.is_null());
    diesel::delete(gone.filter(site_users::issued_from.lt(kept_since(at).0))).execute(conn)?;
    let row = NewSubject { site: site.0, subject: subject.to_owned(), user_id: None, issued_at: 0, issued_from: 0 };
    on_backend!(conn, |c| diesel::insert_into(site_users::table).values(row).on_conflict_do_nothing().execute(c)?);
    let named = site_users::table.find((site.0, subject));
    let raise = named.filter(site_users::issued_from.lt(at.0));
    diesel::update(raise).set(site_users::issued_from.eq(at.0)).execute(conn)?;
    let (user, from) =
        named.select((site_users::user_id, site_users::issued_from)).first::<(Option<i64>, i64)>(conn)?;
    Ok(user.map(|user| EndedTokens::OfUser { user: UserId(user), issued_before: Timestamp(from) }))
}

/// What a site calls a user.
pub fn subject_of(conn: &mut AnyConn, user: UserId) -> Result<Option<(SiteId, String)>, DbError> {
    let row = site_users::table
        .filter(site_users::user_id.eq(user.0))
        .select((site_users::site, site_users::subject))
        .first::<(i64, String)>(conn)
        .optional()?;
    Ok(row.map(|(site, subject)| (SiteId(site), subject)))
}

/// Those of these tokens that are over.
pub fn ended(conn: &mut AnyConn, tokens: &[SiteTokenId]) -> Result<Vec<SiteTokenId>, DbError> {
    let mut ended = Vec::new();
    for some in tokens.chunks(LIST_MAX) {
        let keys: HashSet<i64> = some.iter().map(|token| token.key.0).collect();
        let people: HashSet<i64> = some.iter().map(|token| token.user.0).collect();
        let keys = site_keys::table.filter(site_keys::id.eq_any(keys)).select(site_keys::id);
        let keys: HashSet<i64> = keys.load::<i64>(conn)?.into_iter().collect();
        let named = site_users::table.filter(site_users::user_id.eq_any(people));
        let rows = named.select((site_users::user_id.assume_not_null(), site_users::issued_from));
        let from: HashMap<i64, i64> = rows.load::<(i64, i64)>(conn)?.into_iter().collect();
        let goes_on = |token: &SiteTokenId| {
            keys.contains(&token.key.0) && from.get(&token.user.0).is_some_and(|from| token.issued_at.0 >= *from)
        };
        ended.extend(some.iter().copied().filter(|token| !goes_on(token)));
    }
    Ok(ended)
}

/// A user is erased: the subject is nobody's, and tokens that were issued until then are refused.
pub fn forget_user(conn: &mut AnyConn, user: i64, at: Timestamp) -> Result<(), DbError> {
    let theirs = site_users::table.filter(site_users::user_id.eq(user));
    let raise = theirs.filter(site_users::issued_from.lt(at.0));
    diesel::update(raise).set(site_users::issued_from.eq(at.0)).execute(conn)?;
    diesel::update(theirs).set(site_users::user_id.eq(None::<i64>)).execute(conn)?;
    Ok(())
}
