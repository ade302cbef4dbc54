//! A clock that jumps, as one does that is set by hand or woken from sleep: order is that of the log, and what waits for time
//! waits no longer than it says.

use crate::app::{Person, TestApp};
use crate::database::Database;
use crate::socket::Socket;
use crate::transcript::Viewer;
use domain::model::time::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;
use testkit::builders::NOON;
use testkit::clock::FakeClock;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// More viewers than are told at once: their room is flushed in a rhythm, which goes by the clock.
const CROWD: usize = 252;

struct World {
    app: TestApp,
    clock: Arc<FakeClock>,
    ann: Person,
    bob: Person,
    room: String,
}

impl World {
    async fn new(database: Database) -> World {
        let clock = Arc::new(FakeClock::default());
        let app = TestApp::start_by(database, clock.clone()).await;
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "Lobby").await;
        World { app, clock, ann, bob, room }
    }

    /// Jumps to so many milliseconds after the beginning.
    fn jump(&self, to: i64) {
        self.clock.set(Timestamp(NOON.0 + to));
    }

    /// What is left of the room's slow mode for Bob; he posts when nothing is.
    async fn bob_waits(&self) -> Option<i64> {
        let message = json!({ "room": self.room, "message": "hello" });
        let reply = self.app.post(&self.bob, "/messages", message).await;
        if reply.status == 201 {
            return None;
        }
        reply.problem(429, "slow_mode")["retryAfter"].as_i64()
    }
}

async fn messages_keep_their_order_and_reach_everybody(database: Database) {
    let world = World::new(database).await;
    let mut viewers = Vec::new();
    for _ in 0..CROWD {
        let mut socket = Socket::anonymous(&world.app).await;
        socket.start("join", json!({ "uid": world.room })).await;
        viewers.push(socket);
    }
    let (mut says, mut viewer) = (Socket::in_room(&world.app, &world.bob, &world.room).await, Viewer::default());
    let mut number = 0;
    for to in [0, DAY, 0, -DAY, DAY, DAY + HOUR, DAY - HOUR, -DAY, -DAY - 1, 0, 30 * DAY - HOUR, 0] {
        world.jump(to);
        for _ in 0..3 {
            let ack = says.say(&format!("message {number}")).await.unwrap();
            assert_eq!(ack["timestamp"].as_i64(), Some(NOON.0 + to));
            number += 1;
            assert_eq!(ack["seq"], number);
        }
        // Each jump is told before the next: nobody waits for a day that was taken back.
        while viewer.head < number {
            viewer.receive(&viewers[0].frame().await);
        }
    }
    let page = world.app.look(&format!("/rooms/{}/messages?limit=100", world.room)).await.ok(200);
    assert_eq!(page["messages"], Value::from_iter(viewer.seen.into_values()), "the transcript is the history");
    for socket in viewers.iter_mut().skip(1) {
        let mut viewer = Viewer::default();
        while viewer.head < number {
            viewer.receive(&socket.frame().await);
        }
    }
    drop((viewers, says));
    world.app.stop().await;
}

#[actix_web::test]
async fn messages_keep_their_order_and_reach_everybody_on_sqlite() {
    messages_keep_their_order_and_reach_everybody(Database::sqlite()).await;
}

#[actix_web::test]
async fn messages_keep_their_order_and_reach_everybody_on_postgres() {
    messages_keep_their_order_and_reach_everybody(Database::postgres()).await;
}

async fn who_waits_waits_no_longer_than_is_said(database: Database) {
    let world = World::new(database).await;
    let mut owner = Socket::in_room(&world.app, &world.ann, &world.room).await;
    owner.say("/slow 60").await.unwrap();
    assert_eq!(world.bob_waits().await, None);
    assert_eq!(world.bob_waits().await, Some(60));
    // Nobody waits for the clock to catch up with what was written before it was set back.
    for to in [-DAY, DAY, -HOUR] {
        world.jump(to);
        assert_eq!(world.bob_waits().await, None, "at {to}");
        assert_eq!(world.bob_waits().await, Some(60), "at {to}");
        world.jump(to + 59_000);
        assert_eq!(world.bob_waits().await, Some(1), "at {to}");
        // A few seconds back are those of another post that was faster.
        world.jump(to - 5_000);
        assert_eq!(world.bob_waits().await, Some(60), "at {to}");
    }
    owner.say("/slow off").await.unwrap();

    // A sanction ends at an instant, the one that all were told, and no sooner.
    world.jump(0);
    let told = owner.ask("sendMessage", json!({ "text": "/timeout bob 10m" })).await.unwrap();
    assert_eq!(told["command"], "timeout", "{told}");
    let mut bobs = Socket::in_room(&world.app, &world.bob, &world.room).await;
    for to in [0, 9 * 60_000, -DAY] {
        world.jump(to);
        let problem = bobs.say("hello?").await.unwrap_err();
        assert_eq!((&problem["code"], &problem["until"]), (&json!("timed_out"), &json!(NOON.0 + 600_000)), "at {to}");
    }
    world.jump(DAY);
    bobs.say("hello again").await.unwrap();

    // A login holds 30 days, and one from a day that was taken back is still one.
    for to in [-DAY, 20 * DAY, 0, 29 * DAY] {
        world.jump(to);
        world.app.get(&world.bob, "/me").await.ok(200);
    }
    let later = world.app.login("ann").await;
    world.jump(-DAY);
    world.app.get(&later, "/me").await.ok(200);
    world.app.login("ann").await;
    world.jump(80 * DAY);
    world.app.get(&world.bob, "/me").await.problem(401, "token_invalid");
    drop((owner, bobs));
    world.app.stop().await;
}

#[actix_web::test]
async fn who_waits_waits_no_longer_than_is_said_on_sqlite() {
    who_waits_waits_no_longer_than_is_said(Database::sqlite()).await;
}

#[actix_web::test]
async fn who_waits_waits_no_longer_than_is_said_on_postgres() {
    who_waits_waits_no_longer_than_is_said(Database::postgres()).await;
}
