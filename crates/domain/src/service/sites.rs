//! Sites and their keys.

use crate::model::frame_ancestor::FrameAncestor;
use crate::model::id::{SiteId, SiteUid, UserId};
use crate::model::room::Room;
use crate::model::site::{NewSite, Site, SiteChange};
use crate::model::site_key::{KEYS_MAX, KeyKind, KeyMaterial, Kid, NewSiteKey, SigningAlgorithm, SiteKey};
use crate::model::text::{Invalid, KeyName, SiteName};
use crate::model::user::Member;
use crate::policy::{self, Action, Standing};
use crate::ports::effects::{Charge, Quota};
use crate::review;
use crate::service::accounts::Accounts;
use crate::service::error::{Error, RateLimitKind, Resource};
use crate::service::{Caller, Ports, Settings};

/// The field of a site's origins as clients write it.
const ORIGINS: &str = "origins";

/// What is to change of a site; texts as they were typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteEdit {
    /// A new name.
    pub name: Option<String>,
    /// Whose pages may frame the chat of its rooms.
    pub origins: Option<Vec<String>>,
}

/// A key that somebody wants; texts as they were typed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KeyRequest {
    /// `secret` or `public`.
    pub kind: String,
    /// The public key as PEM or JWK, for kind `public`.
    pub public_key: Option<String>,
    /// The name for people.
    pub name: Option<String>,
}

/// A key that was just made.
#[derive(Clone, PartialEq, Eq)]
pub struct MadeKey {
    /// The key.
    pub key: SiteKey,
    /// Its secret, for one that has one: told now and never again.
    pub secret: Option<String>,
}

/// The service of sites.
#[derive(Clone)]
pub struct Sites {
    pub(super) ports: Ports,
    settings: Settings,
    pub(super) accounts: Accounts,
}

impl Sites {
    pub(crate) fn new(ports: Ports, settings: Settings, accounts: Accounts) -> Sites {
        Sites { ports, settings, accounts }
    }

    /// Makes a site that the caller owns.
    pub async fn create(&self, caller: &Caller, name: &str, origins: &[String]) -> Result<Site, Error> {
        policy::may(&caller.user, Action::CreateSite { least: self.settings.site_creation })?;
        // A site makes any number of users, who must not make sites in their turn.
        caller.session()?;
        let new = self.new_site(caller.user.id, name, origins)?;
        self.count(caller).await?;
        let (now, user, network) = (new.created_at, &caller.user, Some(&caller.network));
        let given = self.ports.sanctions.sanctions_everywhere(Some(user.id), network, now).await?;
        let member = Member::outside(user.clone());
        let given: Vec<_> = given.into_iter().filter(|sanction| sanction.covers(&member, network)).collect();
        if let Some(sanction) = review::forbidding(&given, now) {
            return Err(Error::sanctioned(sanction, now));
        }
        Ok(self.ports.sites.create(new).await?)
    }

    /// Makes a site for the operator, who asks nobody.
    pub(super) async fn create_for(&self, owner: UserId, name: &str, origins: &[String]) -> Result<Site, Error> {
        Ok(self.ports.sites.create(self.new_site(owner, name, origins)?).await?)
    }

    fn new_site(&self, owner: UserId, name: &str, origins: &[String]) -> Result<NewSite, Error> {
        Ok(NewSite {
            uid: self.ports.ids.site_uid(),
            name: SiteName::parse(name)?,
            origins: FrameAncestor::parse_all(ORIGINS, origins)?,
            owner,
            created_at: self.ports.clock.now(),
        })
    }

    /// A site, for those who manage it.
    pub async fn site(&self, caller: &Caller, uid: &SiteUid) -> Result<Site, Error> {
        let site = self.known(uid).await?;
        policy::may(Standing::in_site(&caller.user, &site), Action::ManageSite)?;
        Ok(site)
    }

    /// A site, for nobody in particular.
    pub(super) async fn known(&self, uid: &SiteUid) -> Result<Site, Error> {
        self.ports.sites.site(uid).await?.ok_or(Error::NoSuch(Resource::Site))
    }

    /// The caller's sites above `after`; for those who administer, all.
    pub async fn list(&self, caller: &Caller, after: SiteId, limit: usize) -> Result<Vec<Site>, Error> {
        let all = policy::may(&caller.user, Action::Administer).is_ok();
        let owner = (!all).then_some(caller.user.id);
        Ok(self.ports.sites.list(owner, after, limit).await?)
    }

    /// Changes a site. Nothing is written when nothing changes.
    pub async fn change(&self, caller: &Caller, uid: &SiteUid, edit: SiteEdit) -> Result<Site, Error> {
        let site = self.site(caller, uid).await?;
        let name = edit.name.map(|name| SiteName::parse(&name)).transpose()?;
        let origins = edit.origins.map(|origins| FrameAncestor::parse_all(ORIGINS, &origins)).transpose()?;
        let change = SiteChange {
            name: name.filter(|name| *name != site.name),
            origins: origins.filter(|origins| *origins != site.origins),
        };
        if change == SiteChange::default() {
            return Ok(site);
        }
        self.ports.sites.update(site.id, change).await?.ok_or(Error::NoSuch(Resource::Site))
    }

    /// Deletes a site for ever: what its keys signed ends, and its rooms belong to no site.
    pub async fn delete(&self, caller: &Caller, uid: &SiteUid) -> Result<(), Error> {
        let site = self.site(caller, uid).await?;
        match self.ports.sites.delete(site.id).await? {
            true => Ok(()),
            false => Err(Error::NoSuch(Resource::Site)),
        }
    }

    /// Makes a key that tokens of the site may be signed with from now on, beside those that there are.
    pub async fn add_key(&self, caller: &Caller, uid: &SiteUid, request: KeyRequest) -> Result<MadeKey, Error> {
        let site = self.site(caller, uid).await?;
        self.count(caller).await?;
        self.add_key_to(&site, request).await
    }

    /// The same for the operator, who asks nobody.
    pub(super) async fn add_key_to(&self, site: &Site, request: KeyRequest) -> Result<MadeKey, Error> {
        let name = KeyName::parse(&request.name.unwrap_or_default())?;
        let kind = KeyKind::parse(&request.kind);
        let (algorithm, material, secret) = match (kind, request.public_key) {
            (Some(KeyKind::Secret), None) => {
                let secret = self.ports.ids.secret();
                (SigningAlgorithm::Hs256, KeyMaterial(secret.clone()), Some(secret))
            }
            (Some(KeyKind::Public), Some(text)) => {
                let (algorithm, material) = self.ports.site_tokens.public_key(&text)?;
                (algorithm, material, None)
            }
            (Some(KeyKind::Secret), Some(_)) => {
                return Err(Invalid::new("public_key", "is for keys of the kind public").into());
            }
            (Some(KeyKind::Public), None) => {
                return Err(Invalid::new("public_key", "is needed for a key of the kind public").into());
            }
            (None, _) => return Err(Invalid::new("kind", "must be secret or public").into()),
        };
        let key = NewSiteKey {
            kid: Kid::new(&site.uid, &self.ports.ids.site_uid()),
            site: site.id,
            algorithm,
            material,
            name,
            created_at: self.ports.clock.now(),
        };
        match self.ports.sites.add_key(key).await? {
            Some(key) => Ok(MadeKey { key, secret }),
            None if self.ports.sites.site(&site.uid).await?.is_none() => Err(Error::NoSuch(Resource::Site)),
            None => Err(Invalid::new("keys", format!("are too many: a site has at most {KEYS_MAX}")).into()),
        }
    }

    /// The keys of a site, oldest first.
    pub async fn keys(&self, caller: &Caller, uid: &SiteUid) -> Result<Vec<SiteKey>, Error> {
        let site = self.site(caller, uid).await?;
        Ok(self.ports.sites.keys(site.id).await?)
    }

    /// One key of a site.
    pub async fn key(&self, caller: &Caller, uid: &SiteUid, kid: &Kid) -> Result<SiteKey, Error> {
        let keys = self.keys(caller, uid).await?;
        keys.into_iter().find(|key| key.kid == *kid).ok_or(Error::NoSuch(Resource::SiteKey))
    }

    /// Deletes a key: what it signed ends.
    pub async fn delete_key(&self, caller: &Caller, uid: &SiteUid, kid: &Kid) -> Result<(), Error> {
        let site = self.site(caller, uid).await?;
        match self.ports.sites.delete_key(site.id, kid).await? {
            true => Ok(()),
            false => Err(Error::NoSuch(Resource::SiteKey)),
        }
    }

    /// Whose pages may frame the chat of a room: those that the room allows, and those that its site does. Anybody's when empty.
    pub async fn frame_ancestors(&self, room: &Room) -> Result<Vec<FrameAncestor>, Error> {
        let mut ancestors = room.frame_ancestors.clone();
        if let Some(uid) = &room.site
            && let Some(site) = self.ports.sites.site(uid).await?
        {
            ancestors.extend(site.origins.into_iter().filter(|origin| !room.frame_ancestors.contains(origin)));
        }
        Ok(ancestors)
    }

    async fn count(&self, caller: &Caller) -> Result<(), Error> {
        self.ports.charge(&[Charge::one(Quota::CreateSite, caller.user.uid.as_str())], RateLimitKind::Other).await
    }
}
