//! An act is written whole or not at all: the database fails at each of its writes in turn, and nothing has changed.

use crate::support::{Database, file_connection};
use diesel::prelude::*;
use diesel::sql_types::Text;
use domain::bucket::Rate;
use domain::model::event::ModerationAction;
use domain::model::id::{MessageId, RoomId};
use domain::model::name::DisplayName;
use domain::model::rank::Rank;
use domain::model::room::{Room, RoomChange};
use domain::model::sanction::SanctionKind;
use domain::model::time::Span;
use domain::model::user::{Member, NewPassword, User, UserChange};
use domain::ports::effects::{Charge, Quota};
use domain::ports::log::LogCommand;
use infra::Store;
use testkit::builders::{self, NOON, display_name, draft_named, give, later, post, room_name, sanction};
use testkit::conformance::Subject;
use testkit::hasher::PlainHasher;

/// What a person does in one request.
#[derive(Clone, Copy, Debug)]
enum Act {
    Register,
    JoinAsGuest,
    ChangePassword,
    Rename,
    DeleteAccount,
    CreateRoom,
    Post,
    DeleteMessage,
    Purge,
    BanFromRoom,
    BanEverywhere,
    Lift,
    Appoint,
    HandOver,
    Configure,
    Pin,
    Unpin,
    Close,
    Charge,
}

const ACTS: [Act; 19] = [
    Act::Register,
    Act::JoinAsGuest,
    Act::ChangePassword,
    Act::Rename,
    Act::DeleteAccount,
    Act::CreateRoom,
    Act::Post,
    Act::DeleteMessage,
    Act::Purge,
    Act::BanFromRoom,
    Act::BanEverywhere,
    Act::Lift,
    Act::Appoint,
    Act::HandOver,
    Act::Configure,
    Act::Pin,
    Act::Unpin,
    Act::Close,
    Act::Charge,
];

/// A room with an owner, a moderator, a message that is pinned and one that is not; Ann, who is banned and timed out there
/// and has logins; the chief of the server; and a network that was charged.
struct Scene {
    database: Database,
    subject: Subject,
    _store: Store,
    room: Room,
    owner: User,
    chief: User,
    ann: User,
    pinned: MessageId,
    other: MessageId,
}

impl Scene {
    async fn new(database: Database) -> Scene {
        let (subject, store) = database.subject();
        let (room, owner) = subject.room("lobby", "olive").await;
        let chief = builders::user("chief").rank(Rank::Root).create(&*subject.accounts).await;
        let (ann, mona) = (subject.user("ann").await, subject.user("mona").await);
        for _ in 0..2 {
            subject.accounts.open_session(ann.id, NOON, later(60)).await.unwrap();
        }
        let pinned = subject.post(room.id, &ann, "pinned").await.id;
        let other = subject.post(room.id, &ann, "other").await.id;
        for command in [appoint(&mona), LogCommand::Pin { message: pinned }] {
            subject.done(room.id, &owner, command).await;
        }
        let to = Member::outside(ann.clone());
        for kind in [SanctionKind::Ban, SanctionKind::Timeout] {
            subject.done(room.id, &owner, give(&to, sanction(kind, &ann, Some(later(60))))).await;
        }
        subject.bus.clear();
        let scene = Scene { database, subject, _store: store, room, owner, chief, ann, pinned, other };
        assert!(scene.charge(&["a network"]).await);
        scene
    }

    /// Does it; whether it was done.
    async fn perform(&self, act: Act) -> bool {
        let (subject, ann) = (&self.subject, &self.ann);
        let to = Member::outside(ann.clone());
        let command = match act {
            Act::Register => return subject.accounts.create(builders::user("nina").build()).await.is_ok(),
            Act::JoinAsGuest => {
                return subject.accounts.guest("a key", builders::user("gus").guest().build()).await.is_ok();
            }
            Act::ChangePassword => {
                let password = NewPassword { hash: PlainHasher::hash_of("the second"), keep: None };
                return self.update(UserChange { password: Some(password), ..UserChange::default() }).await;
            }
            Act::Rename => {
                return self.update(UserChange { display_name: Some(new_name()), ..UserChange::default() }).await;
            }
            Act::DeleteAccount => return subject.accounts.delete(ann.id, NOON).await.is_ok(),
            Act::CreateRoom => return subject.rooms.create(builders::room("den").build(ann)).await.is_ok(),
            Act::BanEverywhere => {
                let ban = give(&to, sanction(SanctionKind::Ban, ann, None));
                return subject.act(RoomId::SERVER, &self.chief, ban).await.is_ok();
            }
            Act::Post => post(draft_named("hello", "a nonce")),
            Act::DeleteMessage => LogCommand::Delete { message: self.pinned },
            Act::Purge => LogCommand::Purge { author: Some(Box::new(ann.clone())) },
            Act::BanFromRoom => give(&to, sanction(SanctionKind::Ban, ann, None)),
            Act::Lift => LogCommand::Lift { subject: Box::new(to), kind: None },
            Act::Appoint => appoint(ann),
            Act::HandOver => LogCommand::HandOver { from: Box::new(self.owner.clone()) },
            Act::Configure => {
                let change = RoomChange { name: Some(room_name("New")), links: Some(false), ..RoomChange::default() };
                LogCommand::Configure { change: Box::new(change) }
            }
            Act::Pin => LogCommand::Pin { message: self.other },
            Act::Unpin => LogCommand::Unpin { message: self.pinned },
            Act::Close => LogCommand::Close,
            Act::Charge => return self.charge(&["a network", "a new network"]).await,
        };
        subject.act(self.room.id, &self.owner, command).await.is_ok()
    }

    async fn charge(&self, keys: &[&str]) -> bool {
        let rate = Rate::new(3, Span::seconds(10), 1);
        let charges: Vec<_> = keys.iter().map(|key| (Charge::one(Quota::Guest, key), rate)).collect();
        self.subject.quotas.charge(&charges, NOON).await.is_ok_and(|answer| answer.is_ok())
    }

    async fn update(&self, change: UserChange) -> bool {
        self.subject.accounts.update(self.ann.id, change).await.is_ok()
    }

    /// Every row of every table.
    fn rows(&self) -> Vec<String> {
        let mut rows = Vec::new();
        for table in self.tables() {
            let on_sqlite = || {
                let columns = self
                    .texts(&format!("SELECT 'quote(\"' || name || '\")' AS text FROM pragma_table_info('{table}')"));
                format!("SELECT {} AS text FROM \"{table}\"", columns.join(" || ',' || "))
            };
            let query = match &self.database {
                Database::Sqlite(_) => on_sqlite(),
                Database::Postgres(_) => format!("SELECT t::text AS text FROM \"{table}\" AS t"),
            };
            rows.extend(self.texts(&query).into_iter().map(|row| format!("{table}: {row}")));
        }
        rows.sort();
        rows
    }

    fn tables(&self) -> Vec<String> {
        self.texts(match &self.database {
            Database::Sqlite(_) => {
                "SELECT name AS text FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' \
                 AND name NOT LIKE '\\_\\_%' ESCAPE '\\'"
            }
            Database::Postgres(_) => {
                "SELECT table_name::text AS text FROM information_schema.tables WHERE table_schema = current_schema() \
                 AND table_name NOT LIKE '\\_\\_%'"
            }
        })
    }

    fn texts(&self, query: &str) -> Vec<String> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            text: String,
        }
        let rows: Vec<Row> = match &self.database {
            Database::Sqlite(folder) => {
                let mut conn = file_connection(folder);
                diesel::sql_query(query).load(&mut conn).unwrap()
            }
            Database::Postgres(schema) => diesel::sql_query(query).load(&mut schema.connection()).unwrap(),
        };
        rows.into_iter().map(|row| row.text).collect()
    }

    /// Has the database note each kind of write in a table of its own.
    fn watch(&self) {
        let mut sql = match &self.database {
            Database::Sqlite(_) => "CREATE TABLE __writes (kind TEXT NOT NULL);".to_owned(),
            Database::Postgres(_) => "CREATE TABLE __writes (kind TEXT NOT NULL); \
                CREATE FUNCTION note_write() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN \
                INSERT INTO __writes VALUES (TG_OP || ' ON ' || TG_TABLE_NAME); RETURN NULL; END $$;"
                .to_owned(),
        };
        for table in self.tables() {
            for kind in ["INSERT", "UPDATE", "DELETE"] {
                sql += &match &self.database {
                    Database::Sqlite(_) => format!(
                        "CREATE TRIGGER note_{table}_{kind} AFTER {kind} ON {table} BEGIN \
                         INSERT INTO __writes VALUES ('{kind} ON {table}'); END;"
                    ),
                    Database::Postgres(_) => format!(
                        "CREATE TRIGGER note_{table}_{kind} AFTER {kind} ON {table} FOR EACH ROW \
                         EXECUTE FUNCTION note_write();"
                    ),
                };
            }
        }
        self.database.run(&sql);
    }

    /// Makes each write of this kind fail after it was done.
    fn fail_at(&self, write: &str) {
        self.database.run(&match &self.database {
            Database::Sqlite(_) => {
                format!("CREATE TRIGGER fault AFTER {write} BEGIN SELECT RAISE(ABORT, 'a fault'); END")
            }
            Database::Postgres(_) => format!(
                "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'a fault'; END $$; \
                 CREATE TRIGGER fault AFTER {write} FOR EACH ROW EXECUTE FUNCTION fail()"
            ),
        });
    }

    /// Makes nothing fail any more.
    fn heal(&self, write: &str) {
        self.database.run(&match (&self.database, write.split_once(" ON ")) {
            (Database::Postgres(_), Some((_, table))) => format!("DROP TRIGGER fault ON {table}"),
            _ => "DROP TRIGGER fault".to_owned(),
        });
    }
}

fn appoint(user: &User) -> LogCommand {
    let subject = Member { user: user.clone(), room_rank: Some(Rank::Mod), site_rank: None };
    LogCommand::Appoint { subject: Box::new(subject), action: ModerationAction::Mod }
}

fn new_name() -> DisplayName {
    display_name("Anna the Second")
}

async fn fails_whole(database: fn() -> Database, act: Act) {
    let watched = Scene::new(database()).await;
    watched.watch();
    assert!(watched.perform(act).await, "{act:?} works when nothing fails");
    let writes = watched.texts("SELECT DISTINCT kind AS text FROM __writes");
    assert!(writes.len() >= 2, "{act:?} makes several writes: {writes:?}");

    let scene = Scene::new(database()).await;
    let before = scene.rows();
    for write in &writes {
        scene.fail_at(write);
        assert!(!scene.perform(act).await, "{act:?} fails at {write}");
        assert_eq!(scene.rows(), before, "{act:?} failed at {write}");
        assert!(scene.subject.bus.is_silent(), "{act:?} failed at {write}, and was announced");
        scene.heal(write);
    }
    assert!(scene.perform(act).await, "{act:?} works afterwards");
}

#[tokio::test]
async fn an_act_that_fails_at_any_of_its_writes_on_sqlite_has_changed_nothing() {
    for act in ACTS {
        fails_whole(Database::sqlite, act).await;
    }
}

#[tokio::test]
async fn an_act_that_fails_at_any_of_its_writes_on_postgresql_has_changed_nothing() {
    for act in ACTS {
        fails_whole(Database::postgres, act).await;
    }
}
