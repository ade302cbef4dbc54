//! How many sockets and frames one client may have.

use crate::app::TestApp;
use crate::on_both;
use crate::socket::{Next, Socket};
use serde_json::json;

on_both! {
    async fn a_network_has_so_many_sockets_and_no_more["--limits", "sockets-per-network=3,upgrade=100000/1ms"](app: &TestApp) {
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(Socket::anonymous(app).await);
        }
        let mut refused = Socket::try_anonymous(&app.url).await.unwrap();
        assert_eq!(refused.next().await, Next::Closed(Some(4009)));
        held.pop();
        // The server hears of the end a moment later.
        loop {
            let mut again = Socket::try_anonymous(&app.url).await.unwrap();
            if matches!(again.next().await, Next::Text(_)) {
                break;
            }
        }
    }

    async fn the_process_has_so_many_sockets_and_tells_the_others_to_come_back["--limits", "sockets=2"](app: &TestApp) {
        let _held = [Socket::anonymous(app).await, Socket::anonymous(app).await];
        let mut refused = Socket::try_anonymous(&app.url).await.unwrap();
        assert_eq!(refused.next().await, Next::Closed(Some(1013)));
        app.look("/health/live").await.ok(200);
    }

    async fn a_user_has_so_many_sockets_and_no_more["--limits", "sockets-per-user=2"](app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let (mut one, _two) = (Socket::of(app, &ann).await, Socket::of(app, &ann).await);
        let mut third = Socket::anonymous(app).await;
        third.start("login", json!({ "token": ann.token })).await;
        assert_eq!(third.closed().await, Some(4009));
        Socket::of(app, &bob).await.all().await;
        one.ask("logout", json!({})).await.unwrap();
        Socket::of(app, &ann).await.all().await;
    }

    async fn whoever_sends_too_fast_is_slowed_and_then_closed["--limits", "frame=5/1m"](app: &TestApp) {
        let (mut fast, mut calm) = (Socket::anonymous(app).await, Socket::anonymous(app).await);
        for number in 1..=5 {
            fast.say(&format!("/echo {number}")).await.unwrap();
        }
        let problem = fast.say("/echo 6").await.unwrap_err();
        assert_eq!(problem["code"], "rate_limited");
        assert!(problem["retryAfter"].as_i64().unwrap() > 50, "{problem}");
        for _ in 0..200 {
            fast.send_text("{}").await;
        }
        assert_eq!(fast.closed().await, Some(4008));
        calm.say("/echo calm").await.unwrap();
    }

    async fn whoever_resumes_from_far_back_again_and_again_waits["--limits", "read-of-client=100/1m"](app: &TestApp) {
        let ann = app.register("ann").await;
        let room = app.room(&ann, "Lobby").await;
        for number in 0..30 {
            app.say(&ann, &room, &number.to_string()).await;
        }
        let mut greedy = Socket::anonymous(app).await;
        for _ in 0..3 {
            greedy.ask("join", json!({ "uid": room, "since": 0 })).await.unwrap();
        }
        let problem = greedy.ask("join", json!({ "uid": room, "since": 0 })).await.unwrap_err();
        assert_eq!(problem["code"], "rate_limited");
        assert!(problem["retryAfter"].as_i64().unwrap() > 60, "twenty rows are missing: {problem}");
        // Who is nearly level pays nearly nothing, and others are not concerned.
        greedy.ask("join", json!({ "uid": room, "since": 29 })).await.unwrap();
        Socket::anonymous(app).await.ask("join", json!({ "uid": room, "since": 0 })).await.unwrap();
    }

    async fn a_network_opens_so_many_sockets_at_once["--limits", "upgrade=3/1m"](app: &TestApp) {
        for _ in 0..3 {
            drop(Socket::anonymous(app).await);
        }
        assert!(Socket::try_anonymous(&app.url).await.is_none(), "refused before the upgrade");
        app.look("/health/live").await.ok(200);
    }
}
