//! What is known, and how sure it is: the state behind [`super::Standings`], without a store.

use crate::model::event::{Event, EventKind};
use crate::model::id::{RoomId, RoomUid, Seq, UserId};
use crate::model::message::Message;
use crate::model::rank::Rank;
use crate::model::room::Head;
use crate::model::sanction::Sanction;
use crate::model::text::Body;
use crate::model::time::{Span, Timestamp};
use crate::model::user::{Member, Network, User};
use crate::ports::log::{Footing, Stance};
use crate::review::REPEAT_WINDOW;
use std::collections::{HashMap, VecDeque};

/// What was read is believed for this long; then its log's head is compared with the store's.
pub const SURE_FOR: Span = Span::seconds(2);

/// What is younger than this is left out of a comparison: so there is one a second at most, for everything.
const YOUNG_FOR: Span = Span::seconds(1);

/// A comparison takes no longer than this, and meanwhile everybody else believes what they know for as much longer.
const SURE_WHILE_CHECKED: Span = Span::seconds(3);

/// A comparison that takes longer is over, whatever became of it.
const CHECK_WITHIN: Span = Span::seconds(10);

/// Two who look at the clock one after the other may come here the other way round.
const OVERTAKEN: Span = Span::seconds(1);

/// The latest changes that are remembered, for those who were reading while they happened.
const TOUCHED_KEPT: usize = 256;

/// Above this many people, all are forgotten: they are cheap to read again.
const PEOPLE_MAX: usize = 100_000;

/// Above this many authors, what they last said is forgotten: it only keeps them from repeating themselves.
const SAID_MAX: usize = 100_000;

/// What is known about places and people.
#[derive(Default)]
pub struct Known {
    places: HashMap<RoomId, Place>,
    ids: HashMap<RoomUid, RoomId>,
    people: HashMap<UserId, Person>,
    said: HashMap<(RoomId, UserId), (Timestamp, Body)>,
    touched: VecDeque<Touched>,
    touches: u64,
    checking: Option<Timestamp>,
}

struct Place {
    /// Without its sanctions.
    footing: Footing,
    sanctions: Sanctions,
    sure_at: Timestamp,
    used: bool,
}

struct Person {
    user: User,
    sure_at: Timestamp,
    used: bool,
}

/// Sanctions of one place, by whom they may cover.
struct Sanctions {
    all: Vec<Sanction>,
    of_users: HashMap<UserId, Vec<usize>>,
    of_networks: HashMap<Network, Vec<usize>>,
}

impl From<Vec<Sanction>> for Sanctions {
    fn from(all: Vec<Sanction>) -> Sanctions {
        let (mut of_users, mut of_networks): (HashMap<_, Vec<usize>>, HashMap<_, Vec<usize>>) = Default::default();
        for (at, sanction) in all.iter().enumerate() {
            of_users.entry(sanction.user).or_default().push(at);
            if let Some(network) = &sanction.network {
                of_networks.entry(network.clone()).or_default().push(at);
            }
        }
        Sanctions { all, of_users, of_networks }
    }
}

impl Sanctions {
    /// Those of this user or this network, in their order.
    fn near(&self, user: Option<UserId>, network: Option<&Network>) -> Vec<Sanction> {
        let of_user = user.and_then(|user| self.of_users.get(&user));
        let of_network = network.and_then(|network| self.of_networks.get(network));
        let mut found: Vec<usize> = of_user.into_iter().chain(of_network).flatten().copied().collect();
        found.sort_unstable();
        found.dedup();
        found.into_iter().filter_map(|at| self.all.get(at).cloned()).collect()
    }
}

/// What changed, so that what was read before it is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touched {
    /// Ranks, sanctions or settings of a room, or (in [`RoomId::SERVER`]) sanctions everywhere.
    Place(RoomId),
    /// A user.
    Person(UserId),
    /// Nobody knows what.
    Anything,
}

/// Who is asked about, where, when.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The room.
    pub room: &'a RoomUid,
    /// Who.
    pub user: Option<UserId>,
    /// Seen where.
    pub network: Option<&'a Network>,
    /// The present.
    pub now: Timestamp,
    /// What happened in the room up to here must be known.
    pub at_least: Seq,
}

/// What looking brought.
pub enum Look {
    /// The answer.
    Known(Box<Stance>),
    /// It was known, and is to be confirmed first, with all else that is used.
    Check(Check),
    /// This has to be read.
    Missing(Missing),
    /// The store has to be asked: more is in force there than is worth remembering, or a comparison takes too long.
    Ask,
}

/// What is to be confirmed.
pub struct Check {
    /// When it was asked.
    pub at: Timestamp,
    /// As of [`Known::touches`].
    pub touches: u64,
    /// Whose heads are to be compared.
    pub places: Vec<RoomId>,
    /// Who is to be read again.
    pub people: Vec<UserId>,
}

/// What has to be read.
pub struct Missing {
    /// As of [`Known::touches`].
    pub touches: u64,
    /// The room's footing.
    pub place: bool,
    /// The server's.
    pub everywhere: bool,
    /// The user.
    pub person: bool,
}

impl Known {
    /// What is known in answer.
    pub fn look(&mut self, question: &Question<'_>) -> Look {
        let id = self.ids.get(question.room).copied();
        let place = id.and_then(|id| self.places.get(&id));
        let place = place.filter(|place| place.footing.head.seq >= question.at_least);
        let everywhere = self.places.get(&RoomId::SERVER);
        let person = question.user.and_then(|user| self.people.get(&user));
        let missing = Missing {
            touches: self.touches,
            place: place.is_none(),
            everywhere: everywhere.is_none(),
            person: question.user.is_some() && person.is_none(),
        };
        let sures = [place.map(|p| p.sure_at), everywhere.map(|p| p.sure_at), person.map(|p| p.sure_at)];
        if sures.into_iter().flatten().any(|sure_at| !self.is_believed(sure_at, question.now)) {
            return if self.is_checking(question.now) {
                Look::Ask
            } else {
                Look::Check(self.begin_check(question.now))
            };
        }
        if missing.place || missing.everywhere || missing.person {
            return Look::Missing(missing);
        }
        let (Some(id), Some(place), Some(everywhere)) = (id, place, everywhere) else { return Look::Missing(missing) };
        if place.footing.cut || everywhere.footing.cut {
            self.mark_used(id, question.user);
            return Look::Ask;
        }
        let user = person.map(|person| &person.user);
        let said = question.user.and_then(|user| self.said.get(&(id, user)));
        let Some(stance) = compose(place, everywhere, user, question, said) else { return Look::Missing(missing) };
        self.mark_used(id, question.user);
        Look::Known(Box::new(stance))
    }

    /// The ranks held in a room, when all of them are known.
    pub fn ranks(&self, room: RoomId) -> Option<&HashMap<UserId, Rank>> {
        let place = self.places.get(&room).filter(|place| !place.footing.cut)?;
        Some(&place.footing.ranks)
    }

    fn mark_used(&mut self, id: RoomId, user: Option<UserId>) {
        for place in [id, RoomId::SERVER] {
            if let Some(place) = self.places.get_mut(&place) {
                place.used = true;
            }
        }
        if let Some(person) = user.and_then(|user| self.people.get_mut(&user)) {
            person.used = true;
        }
    }

    fn is_believed(&self, sure_at: Timestamp, now: Timestamp) -> bool {
        is_within(sure_at, now, if self.is_checking(now) { SURE_WHILE_CHECKED } else { SURE_FOR })
    }

    fn is_checking(&self, now: Timestamp) -> bool {
        self.checking.is_some_and(|since| is_within(since, now, CHECK_WITHIN))
    }

    fn begin_check(&mut self, now: Timestamp) -> Check {
        self.checking = Some(now);
        self.said.retain(|_, (at, _)| is_within(*at, now, REPEAT_WINDOW));
        // What was read while the clock was ahead lacks what was thought to be over.
        self.places.retain(|_, place| place.sure_at <= now + OVERTAKEN);
        self.people.retain(|_, person| person.sure_at <= now + OVERTAKEN);
        // What nobody asked for since the last time is forgotten instead.
        let is_old = |sure_at: Timestamp| !is_within(sure_at, now, YOUNG_FOR);
        self.places.retain(|_, place| !is_old(place.sure_at) || std::mem::take(&mut place.used));
        self.people.retain(|_, person| !is_old(person.sure_at) || std::mem::take(&mut person.used));
        self.ids.retain(|_, id| self.places.contains_key(id));
        Check {
            at: now,
            touches: self.touches,
            places: self.places.iter().filter(|(_, place)| is_old(place.sure_at)).map(|(id, _)| *id).collect(),
            people: self.people.iter().filter(|(_, person)| is_old(person.sure_at)).map(|(id, _)| *id).collect(),
        }
    }

    /// Ends a check: what the store says the heads and the users are.
    pub fn settle(&mut self, check: &Check, heads: &HashMap<RoomId, Head>, users: Vec<User>) {
        for id in &check.places {
            let Some(place) = self.places.get_mut(id) else { continue };
            let known = place.footing.head;
            // What was heard since the store was asked may be more than it said.
            if heads.get(id).is_some_and(|head| head.epoch == known.epoch && head.seq <= known.seq) {
                place.sure_at = check.at;
            } else {
                self.places.remove(id);
            }
        }
        for id in &check.people {
            self.people.remove(id);
        }
        for user in users {
            self.meet(user, check.at, check.touches);
        }
    }

    /// A check is over, settled or not.
    pub fn end_check(&mut self) {
        self.checking = None;
    }

    /// Keeps what was read at `now`, unless it was touched after `touches`.
    pub fn learn(&mut self, mut footing: Footing, now: Timestamp, touches: u64) {
        let id = footing.room.as_ref().map_or(RoomId::SERVER, |room| room.id);
        let newer = self.places.get(&id).is_some_and(|place| place.footing.head.seq > footing.head.seq);
        if newer || !self.is_untouched(touches, Touched::Place(id)) {
            return;
        }
        if let Some(room) = &footing.room {
            self.ids.insert(room.uid.clone(), id);
        }
        let sanctions = Sanctions::from(std::mem::take(&mut footing.sanctions));
        self.places.insert(id, Place { footing, sanctions, sure_at: now, used: true });
    }

    /// Keeps a user as read at `now`, unless touched after `touches`.
    pub fn meet(&mut self, user: User, now: Timestamp, touches: u64) {
        if self.is_untouched(touches, Touched::Person(user.id)) {
            if self.people.len() >= PEOPLE_MAX {
                self.people.clear();
            }
            self.people.insert(user.id, Person { user, sure_at: now, used: true });
        }
    }

    /// How often something was touched so far.
    pub fn touches(&self) -> u64 {
        self.touches
    }

    fn is_untouched(&self, since: u64, what: Touched) -> bool {
        let new = usize::try_from(self.touches - since).unwrap_or(usize::MAX);
        let is_it = |touched: &Touched| *touched == what || *touched == Touched::Anything;
        new <= self.touched.len() && !self.touched.iter().rev().take(new).any(is_it)
    }

    /// Forgets what changed.
    pub fn touch(&mut self, what: Touched) {
        self.touches += 1;
        self.touched.push_back(what);
        if self.touched.len() > TOUCHED_KEPT {
            self.touched.pop_front();
        }
        match what {
            Touched::Place(id) => drop(self.places.remove(&id)),
            Touched::Person(id) => {
                self.people.remove(&id);
                // Who is shown at the top of a room is shown as they are now.
                self.places.retain(|_, place| pinned(place).is_none_or(|message| message.author.user.id != id));
            }
            Touched::Anything => {
                self.places.clear();
                self.people.clear();
            }
        }
    }

    fn unpin_if(&mut self, room: RoomId, is_gone: impl FnOnce(&Message) -> bool) {
        if let Some(room) = self.places.get_mut(&room).and_then(|place| place.footing.room.as_mut()) {
            room.unpin_if(is_gone);
        }
    }

    /// An event was committed.
    pub fn hear(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Posted(message) => {
                if self.said.len() >= SAID_MAX {
                    self.said.clear();
                }
                self.said.insert((event.room, message.author.user.id), (event.at, message.text.clone()));
            }
            // It may be being read, with what is gone now at its top.
            EventKind::Deleted { .. } | EventKind::Purged { .. } if !self.places.contains_key(&event.room) => {
                return self.touch(Touched::Place(event.room));
            }
            EventKind::Deleted { message } => self.unpin_if(event.room, |pinned| pinned.id == *message),
            EventKind::Purged { author } => {
                let whose = author.as_ref().map(|author| author.id);
                self.unpin_if(event.room, |pinned| whose.is_none_or(|whose| pinned.author.user.id == whose));
            }
            EventKind::Moderated { .. }
            | EventKind::Configured(_)
            | EventKind::Pinned { .. }
            | EventKind::Unpinned { .. }
            | EventKind::Closed => {
                return self.touch(Touched::Place(event.room));
            }
        }
        let Some(place) = self.places.get_mut(&event.room) else { return };
        let head = &mut place.footing.head.seq;
        if event.seq == head.next() {
            *head = event.seq;
        } else if event.seq > *head {
            // Something between was not heard.
            self.places.remove(&event.room);
        }
    }
}

fn pinned(place: &Place) -> Option<&Message> {
    place.footing.room.as_ref()?.pinned.as_deref()
}

/// Whether `now` is less than `span` after `then`, and not before it by more than an overtaking: the clock may have jumped.
fn is_within(then: Timestamp, now: Timestamp, span: Span) -> bool {
    then <= now + OVERTAKEN && now - then < span
}

/// How somebody stands, from its parts; `None` when the place is no room.
fn compose(
    place: &Place,
    everywhere: &Place,
    user: Option<&User>,
    question: &Question<'_>,
    said: Option<&(Timestamp, Body)>,
) -> Option<Stance> {
    let ranks = &place.footing.ranks;
    let member = user.map(|user| Member { user: user.clone(), room_rank: ranks.get(&user.id).copied() });
    let near = |place: &Place| place.sanctions.near(question.user, question.network);
    let covers = |sanction: &Sanction| {
        sanction.in_force(question.now)
            && match &member {
                Some(member) => sanction.covers(member, question.network),
                None => sanction.network.is_some() && sanction.network.as_ref() == question.network,
            }
    };
    Some(Stance {
        room: place.footing.room.clone()?,
        head: place.footing.head,
        sanctions: near(place).into_iter().chain(near(everywhere)).filter(covers).collect(),
        last_post: said.cloned(),
        member,
    })
}
