//! Sites and their keys.

use crate::db::access::Db;
use crate::db::coalesce::RequestCoalescer;
use crate::db::conn::AnyConn;
use crate::db::error::{DbError, busy};
use crate::db::schema::{rooms, site_keys, site_users as subjects, sites};
use crate::store::bounded;
use crate::store::rooms::frame_ancestors_text;
use crate::store::site_users::{self, SignedIn};
use async_trait::async_trait;
use diesel::prelude::*;
use domain::model::frame_ancestor::FrameAncestor;
use domain::model::id::{SiteId, SiteKeyId, SiteUid, UserId};
use domain::model::login::EndedTokens;
use domain::model::login::SiteTokenId;
use domain::model::site::{NewSite, Site, SiteChange};
use domain::model::site_key::{KEYS_MAX, KeyMaterial, Kid, NewSiteKey, SigningAlgorithm, SiteKey};
use domain::model::text::{KeyName, SiteName};
use domain::model::time::Timestamp;
use domain::ports::bus::{Bus, Notice};
use domain::ports::store::{SignIn, SignInResult, SiteStore, SiteUser, StoreError};
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Queryable)]
struct SiteRow {
    id: i64,
    uid: String,
    name: String,
    origins: String,
    owner: i64,
    created_at: i64,
}

impl SiteRow {
    fn into_site(self) -> Result<Site, DbError> {
        let origins: Vec<String> =
            serde_json::from_str(&self.origins).map_err(|_| DbError::Damaged("sites.origins"))?;
        Ok(Site {
            id: SiteId(self.id),
            uid: SiteUid::parse(&self.uid).ok_or(DbError::Damaged("sites.uid"))?,
            name: SiteName::stored(self.name),
            origins: origins.into_iter().map(FrameAncestor::stored).collect(),
            owner: UserId(self.owner),
            created_at: Timestamp(self.created_at),
        })
    }
}

#[derive(Queryable)]
struct KeyRow {
    id: i64,
    kid: String,
    site: i64,
    algorithm: String,
    material: String,
    name: String,
    created_at: i64,
    last_used_at: Option<i64>,
}

impl KeyRow {
    fn into_key(self) -> Result<SiteKey, DbError> {
        Ok(SiteKey {
            id: SiteKeyId(self.id),
            kid: Kid::parse(&self.kid).ok_or(DbError::Damaged("site_keys.kid"))?,
            site: SiteId(self.site),
            algorithm: SigningAlgorithm::parse(&self.algorithm).ok_or(DbError::Damaged("site_keys.algorithm"))?,
            material: KeyMaterial(self.material),
            name: KeyName::stored(self.name),
            created_at: Timestamp(self.created_at),
            last_used_at: self.last_used_at.map(Timestamp),
        })
    }
}

/// The sites of a database.
pub struct SqlSites {
    db: Arc<Db>,
    bus: Arc<dyn Bus>,
    signings: RequestCoalescer<SiteUid, (), (Site, Vec<SiteKey>)>,
    sign_ins: RequestCoalescer<(), SignIn, SignInResult>,
}

impl SqlSites {
    /// The sites of `db`; `bus` is told what was committed.
    pub fn new(db: Arc<Db>, bus: Arc<dyn Bus>) -> SqlSites {
        SqlSites { db, bus, signings: RequestCoalescer::default(), sign_ins: RequestCoalescer::default() }
    }
}

/// Tells of a site that changed, and of tokens that ended with it.
fn announce(bus: &dyn Bus, site: &SiteUid, ended: Option<&[SiteKeyId]>) {
    bus.announce(Notice::SiteChanged(site.clone()));
    if let Some(ended) = ended {
        bus.announce(Notice::SiteTokensEnded(EndedTokens::OfKeys(ended.to_vec())));
    }
}

#[async_trait]
impl SiteStore for SqlSites {
    async fn create(&self, site: NewSite) -> Result<Site, StoreError> {
        self.db.write(move |conn| insert(conn, site)).await
    }

    async fn site(&self, uid: &SiteUid) -> Result<Option<Site>, StoreError> {
        let uid = uid.as_str().to_owned();
        self.db.read(move |conn| one(sites::table.filter(sites::uid.eq(uid)).first(conn))).await
    }

    async fn list(&self, owner: Option<UserId>, after: SiteId, limit: usize) -> Result<Vec<Site>, StoreError> {
        self.db
            .read(move |conn| {
                let mut query =
                    sites::table.filter(sites::id.gt(after.0)).order(sites::id).limit(bounded(limit)).into_boxed();
                if let Some(owner) = owner {
                    query = query.filter(sites::owner.eq(owner.0));
                }
                query.load::<SiteRow>(conn)?.into_iter().map(SiteRow::into_site).collect()
            })
            .await
    }

    async fn update(&self, id: SiteId, change: SiteChange) -> Result<Option<Site>, StoreError> {
        let bus = Arc::clone(&self.bus);
        let told = move |site: &Option<Site>| {
            if let Some(site) = site {
                announce(&*bus, &site.uid, None);
            }
        };
        self.db.write_then(move |conn| update(conn, id, &change), told).await
    }

    async fn delete(&self, id: SiteId) -> Result<bool, StoreError> {
        let bus = Arc::clone(&self.bus);
        let told = move |gone: &Option<(SiteUid, Vec<SiteKeyId>)>| {
            if let Some((site, ended)) = gone {
                announce(&*bus, site, Some(ended));
            }
        };
        Ok(self.db.delete_then(move |conn| delete(conn, id), told).await?.is_some())
    }

    async fn add_key(&self, key: NewSiteKey) -> Result<Option<SiteKey>, StoreError> {
        let (bus, site) = (Arc::clone(&self.bus), key.kid.site());
        let told = move |key: &Option<SiteKey>| {
            if let (Some(_), Some(site)) = (key, site) {
                announce(&*bus, &site, None);
            }
        };
        self.db.write_then(move |conn| add_key(conn, key), told).await
    }

    async fn keys(&self, site: SiteId) -> Result<Vec<SiteKey>, StoreError> {
        self.db.read(move |conn| keys(conn, site)).await
    }

    async fn signing(&self, uid: &SiteUid) -> Result<Option<(Site, Vec<SiteKey>)>, StoreError> {
        let (db, named) = (self.db.clone(), uid.clone());
        let read = move |_| {
            let (db, uid) = (db.clone(), named.as_str().to_owned());
            async move { db.snapshot(move |conn| signing(conn, &uid)).await }
        };
        self.signings.get(uid.clone(), (), read).await
    }

    async fn key_used(&self, key: SiteKeyId, at: Timestamp) -> Result<(), StoreError> {
        let used = move |conn: &mut AnyConn| {
            diesel::update(site_keys::table.find(key.0)).set(site_keys::last_used_at.eq(at.0)).execute(conn)?;
            Ok(())
        };
        self.db.write_volatile(used).await
    }

    async fn sign_in(&self, login: SignIn) -> Result<SignInResult, StoreError> {
        let (db, bus) = (self.db.clone(), self.bus.clone());
        let write = move |logins: Vec<SignIn>| write_together(db.clone(), bus.clone(), logins);
        let result = self.sign_ins.get((), login, write).await?;
        result.ok_or_else(|| StoreError::Failed("a token was not written".to_owned()))
    }

    async fn site_user(&self, site: SiteId, subject: &str) -> Result<Option<SiteUser>, StoreError> {
        let subject = subject.to_owned();
        self.db.read(move |conn| site_users::find(conn, site, &subject)).await
    }

    async fn end_tokens(&self, site: SiteId, subject: &str, at: Timestamp) -> Result<(), StoreError> {
        let subject = subject.to_owned();
        self.end(move |conn| site_users::end_tokens(conn, site, &subject, at)).await
    }

    async fn end_tokens_of(&self, user: UserId, at: Timestamp) -> Result<(), StoreError> {
        self.end(move |conn| match site_users::subject_of(conn, user)? {
            Some((site, subject)) => site_users::end_tokens(conn, site, &subject, at),
            None => Ok(None),
        })
        .await
    }

    async fn ended(&self, tokens: &[SiteTokenId]) -> Result<Vec<SiteTokenId>, StoreError> {
        let tokens = tokens.to_vec();
        self.db.snapshot(move |conn| site_users::ended(conn, &tokens)).await
    }

    async fn delete_key(&self, site: SiteId, kid: &Kid) -> Result<bool, StoreError> {
        let (bus, kid) = (Arc::clone(&self.bus), kid.clone());
        let of_site = kid.site();
        let told = move |ended: &Vec<SiteKeyId>| {
            if let Some(site) = of_site.filter(|_| !ended.is_empty()) {
                announce(&*bus, &site, Some(ended));
            }
        };
        let delete = move |conn: &mut AnyConn| {
            let named = site_keys::table.filter(site_keys::site.eq(site.0)).filter(site_keys::kid.eq(kid.as_str()));
            let ids = named.select(site_keys::id).load::<i64>(conn)?;
            diesel::delete(site_keys::table.filter(site_keys::id.eq_any(ids.clone()))).execute(conn)?;
            Ok(ids.into_iter().map(SiteKeyId).collect::<Vec<_>>())
        };
        Ok(!self.db.delete_then(delete, told).await?.is_empty())
    }
}

impl SqlSites {
    async fn end(
        &self,
        work: impl Fn(&mut AnyConn) -> Result<Option<EndedTokens>, DbError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let bus = Arc::clone(&self.bus);
        let told = move |ended: &Option<EndedTokens>| {
            if let Some(ended) = ended {
                bus.announce(Notice::SiteTokensEnded(ended.clone()));
            }
        };
        self.db.write_then(work, told).await.map(drop)
    }
}

/// How often a batch is tried that another node came before with one of its subjects.
const TRIES: usize = 3;

/// Writes tokens in one transaction.
async fn write_together(
    db: Arc<Db>,
    bus: Arc<dyn Bus>,
    logins: Vec<SignIn>,
) -> Result<HashMap<SignIn, SignInResult>, StoreError> {
    let logins: Arc<[SignIn]> = logins.into();
    for _ in 0..TRIES {
        let (logins, bus) = (logins.clone(), bus.clone());
        let write = move |conn: &mut AnyConn| match site_users::sign_in(conn, &logins) {
            Err(error) if error.is_conflict_on("site_users", "site") => Err(StoreError::NameTaken.into()),
            done => done,
        };
        let told = move |done: &SignedIn| {
            done.changed.iter().for_each(|user| bus.announce(Notice::UserChanged(Box::new(user.clone()))));
        };
        match db.write_then(write, told).await {
            Ok(done) => return Ok(done.results),
            Err(StoreError::NameTaken) => {}
            Err(error) => return Err(error),
        }
    }
    Err(busy())
}

fn signing(conn: &mut AnyConn, uid: &str) -> Result<HashMap<(), (Site, Vec<SiteKey>)>, DbError> {
    let Some(site) = one(sites::table.filter(sites::uid.eq(uid)).first(conn))? else { return Ok(HashMap::new()) };
    let keys = keys(conn, site.id)?;
    Ok(HashMap::from([((), (site, keys))]))
}

fn one(row: QueryResult<SiteRow>) -> Result<Option<Site>, DbError> {
    row.optional()?.map(SiteRow::into_site).transpose()
}

fn insert(conn: &mut AnyConn, site: NewSite) -> Result<Site, DbError> {
    let id = diesel::insert_into(sites::table)
        .values((
            sites::uid.eq(site.uid.as_str()),
            sites::name.eq(site.name.as_str()),
            sites::origins.eq(frame_ancestors_text(&site.origins)?),
            sites::owner.eq(site.owner.0),
            sites::created_at.eq(site.created_at.0),
        ))
        .returning(sites::id)
        .get_result::<i64>(conn)?;
    let NewSite { uid, name, origins, owner, created_at } = site;
    Ok(Site { id: SiteId(id), uid, name, origins, owner, created_at })
}

fn update(conn: &mut AnyConn, id: SiteId, change: &SiteChange) -> Result<Option<Site>, DbError> {
    let Some(site) = lock(conn, id)? else { return Ok(None) };
    let name = change.name.clone().unwrap_or(site.name);
    let origins = change.origins.clone().unwrap_or(site.origins);
    diesel::update(sites::table.find(id.0))
        .set((sites::name.eq(name.as_str()), sites::origins.eq(frame_ancestors_text(&origins)?)))
        .execute(conn)?;
    Ok(Some(Site { name, origins, ..site }))
}

/// A site that nobody else changes until the transaction is over.
fn lock(conn: &mut AnyConn, id: SiteId) -> Result<Option<Site>, DbError> {
    match conn {
        AnyConn::Pg(c) => one(sites::table.find(id.0).for_update().first(c)),
        // The transaction is the lock.
        AnyConn::Sqlite(c) => one(sites::table.find(id.0).first(c)),
    }
}

fn delete(conn: &mut AnyConn, id: SiteId) -> Result<Option<(SiteUid, Vec<SiteKeyId>)>, DbError> {
    let Some(site) = lock(conn, id)? else { return Ok(None) };
    let keys = site_keys::table.filter(site_keys::site.eq(id.0));
    let ids = keys.order(site_keys::id).limit(KEYS_MAX as i64).select(site_keys::id).load::<i64>(conn)?;
    diesel::delete(keys).execute(conn)?;
    diesel::update(rooms::table.filter(rooms::site.eq(site.uid.as_str())))
        .set(rooms::site.eq(None::<String>))
        .execute(conn)?;
    diesel::delete(subjects::table.filter(subjects::site.eq(id.0))).execute(conn)?;
    diesel::delete(sites::table.find(id.0)).execute(conn)?;
    Ok(Some((site.uid, ids.into_iter().map(SiteKeyId).collect())))
}

fn keys(conn: &mut AnyConn, site: SiteId) -> Result<Vec<SiteKey>, DbError> {
    let rows = site_keys::table
        .filter(site_keys::site.eq(site.0))
        .order(site_keys::id)
        .limit(KEYS_MAX as i64)
        .load::<KeyRow>(conn)?;
    rows.into_iter().map(KeyRow::into_key).collect()
}

fn add_key(conn: &mut AnyConn, new: NewSiteKey) -> Result<Option<SiteKey>, DbError> {
    if lock(conn, new.site)?.is_none() || keys(conn, new.site)?.len() >= KEYS_MAX {
        return Ok(None);
    }
    let id = diesel::insert_into(site_keys::table)
        .values((
            site_keys::kid.eq(new.kid.as_str()),
            site_keys::site.eq(new.site.0),
            site_keys::algorithm.eq(new.algorithm.as_str()),
            site_keys::material.eq(new.material.0.as_str()),
            site_keys::name.eq(new.name.as_str()),
            site_keys::created_at.eq(new.created_at.0),
        ))
        .returning(site_keys::id)
        .get_result::<i64>(conn)?;
    let NewSiteKey { kid, site, algorithm, material, name, created_at } = new;
    Ok(Some(SiteKey { id: SiteKeyId(id), kid, site, algorithm, material, name, created_at, last_used_at: None }))
}
