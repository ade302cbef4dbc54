//! A site: the rooms that belong to one web site, and who looks after them.

use crate::model::frame_ancestor::FrameAncestor;
use crate::model::id::{SiteId, SiteUid, UserId};
use crate::model::text::SiteName;
use crate::model::time::Timestamp;

/// A web site whose rooms belong together. What it allows holds in all of them; a room may allow more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its row.
    pub id: SiteId,
    /// The public name for machines; tokens that the site signs name it as their issuer.
    pub uid: SiteUid,
    /// The public name for people.
    pub name: SiteName,
    /// Whose pages may frame the chat of its rooms; anybody's when empty, unless a room says otherwise.
    pub origins: Vec<FrameAncestor>,
    /// Who made it.
    pub owner: UserId,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A site to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSite {
    /// The public name for machines, from the id source.
    pub uid: SiteUid,
    /// The name for people.
    pub name: SiteName,
    /// Whose pages may frame the chat of its rooms.
    pub origins: Vec<FrameAncestor>,
    /// Who makes it.
    pub owner: UserId,
    /// When it is made.
    pub created_at: Timestamp,
}

/// What changes of a site; `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteChange {
    /// A new name.
    pub name: Option<SiteName>,
    /// Whose pages may frame the chat of its rooms.
    pub origins: Option<Vec<FrameAncestor>>,
}
