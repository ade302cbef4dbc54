//! What makes a token good, row by row.

use super::*;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const URL: Option<&str> = Some("https://chat.example/path");

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp(NOW.0 + seconds * 1000))
}

fn claims() -> Claims {
    Claims {
        issuer: Some("abcdEF01".to_owned()),
        subject: Some("user-1".to_owned()),
        issued_at: at(-10),
        expires_at: at(600),
        ..Claims::default()
    }
}

fn token() -> Unverified {
    Unverified {
        algorithm: "HS256".to_owned(),
        kid: Some("abcdEF01-x0x0x0x0".to_owned()),
        brings_key: false,
        claims: Some(claims()),
    }
}

#[test]
fn the_signer_is_a_key_of_the_issuer() {
    let (site, kid, algorithm) = signer(&token()).expect("a good token");
    assert_eq!((site.as_str(), kid.as_str(), algorithm), ("abcdEF01", "abcdEF01-x0x0x0x0", SigningAlgorithm::Hs256));
    let of = |issuer: Option<&str>| Some(Claims { issuer: issuer.map(str::to_owned), ..claims() });
    for (token, fault) in [
        (Unverified { algorithm: "none".to_owned(), ..token() }, TokenFault::Algorithm),
        (Unverified { algorithm: String::new(), ..token() }, TokenFault::Algorithm),
        (Unverified { algorithm: "HS512".to_owned(), ..token() }, TokenFault::Algorithm),
        (Unverified { brings_key: true, ..token() }, TokenFault::Header),
        (Unverified { kid: None, ..token() }, TokenFault::KeyUnknown),
        (Unverified { kid: Some("x".to_owned()), ..token() }, TokenFault::KeyUnknown),
        (Unverified { kid: Some("abcdEF02-x0x0x0x0".to_owned()), ..token() }, TokenFault::KeyOfAnotherSite),
        (Unverified { claims: None, ..token() }, TokenFault::Claims),
        (Unverified { claims: of(None), ..token() }, TokenFault::Issuer),
        (Unverified { claims: of(Some("https://example.org")), ..token() }, TokenFault::Issuer),
        (Unverified { claims: of(Some("abcdEF02")), ..token() }, TokenFault::KeyOfAnotherSite),
    ] {
        assert_eq!(signer(&token), Err(fault), "{token:?}");
    }
}

#[track_caller]
fn checked(change: impl FnOnce(&mut Claims), expected: Option<TokenFault>) {
    let mut claims = claims();
    change(&mut claims);
    assert_eq!(check(&claims, NOW, URL).err(), expected, "{claims:?}");
}

#[test]
fn a_subject_has_one_to_128_bytes() {
    for (subject, fault) in [
        ("", Some(TokenFault::Subject)),
        ("1", None),
        ("ann@example.org", None),
        ("ü/%?🦊 x", None),
        ("a\u{0}", Some(TokenFault::Subject)),
        ("a\nb", Some(TokenFault::Subject)),
        (&"x".repeat(128), None),
        (&"x".repeat(129), Some(TokenFault::Subject)),
        (&"ü".repeat(65), Some(TokenFault::Subject)),
    ] {
        checked(|claims| claims.subject = Some(subject.to_owned()), fault);
    }
    checked(|claims| claims.subject = None, Some(TokenFault::Claims));
}

#[test]
fn times_are_compared_with_a_minute_of_skew() {
    let day = 24 * 3600;
    for (issued, expires, not_before, fault) in [
        (at(0), at(1), None, None),
        (at(60), at(600), None, None),
        (at(61), at(600), None, Some(TokenFault::IssuedInFuture)),
        (at(-600), at(-59), None, None),
        (at(-600), at(-60), None, Some(TokenFault::Expired)),
        (at(-10), at(day - 10), None, None),
        (at(-10), at(day - 9), None, Some(TokenFault::Lifetime)),
        (at(10), at(10), None, Some(TokenFault::Lifetime)),
        (at(10), at(9), None, Some(TokenFault::Lifetime)),
        (at(0), at(600), at(60), None),
        (at(0), at(600), at(61), Some(TokenFault::NotYet)),
        (at(0), at(600), at(-600), None),
        (None, at(600), None, Some(TokenFault::Claims)),
        (at(0), None, None, Some(TokenFault::Claims)),
    ] {
        checked(
            |claims| (claims.issued_at, claims.expires_at, claims.not_before) = (issued, expires, not_before),
            fault,
        );
    }
}

#[test]
fn an_audience_is_this_server_or_left_out() {
    for (audience, public_url, fault) in [
        (None, URL, None),
        (None, None, None),
        (Some(vec!["https://chat.example/path"]), URL, None),
        (Some(vec!["https://chat.example/path/"]), URL, None),
        (Some(vec!["https://else.example", "https://chat.example/path"]), URL, None),
        (Some(vec!["https://chat.example"]), URL, Some(TokenFault::Audience)),
        (Some(vec![]), URL, Some(TokenFault::Audience)),
        (Some(vec!["https://chat.example/path"]), None, Some(TokenFault::Audience)),
    ] {
        let audience = audience.map(|list| list.into_iter().map(str::to_owned).collect());
        let claims = Claims { audience, ..claims() };
        assert_eq!(check(&claims, NOW, public_url).err(), fault, "{claims:?}");
    }
}

#[test]
fn a_role_is_one_that_is_held_in_rooms() {
    for (role, rank) in [("vip", Rank::Vip), ("mod", Rank::Mod), ("owner", Rank::Owner)] {
        let claims = Claims { role: Some(role.to_owned()), ..claims() };
        assert_eq!(check(&claims, NOW, URL).map(|login| login.rank), Ok(Some(rank)));
    }
    for role in ["", "admin", "super_mod", "root", "guest", "registered", "Mod", "moderator"] {
        checked(|claims| claims.role = Some(role.to_owned()), Some(TokenFault::Role));
    }
}

#[test]
fn a_name_or_a_picture_that_may_not_be_shown_is_left_out_and_keeps_nobody_out() {
    let shown = |name: &str, picture: &str| {
        let claims = Claims { name: Some(name.to_owned()), picture: Some(picture.to_owned()), ..claims() };
        let login = check(&claims, NOW, URL).expect("a good token");
        (login.name.map(|name| name.as_str().to_owned()), login.picture)
    };
    for (name, expected) in [
        ("Ann Lee 🦊", Some("Ann Lee 🦊")),
        (" Ann\n\u{202e}Lee ", Some("Ann Lee")),
        ("admin", None),
        ("", None),
        ("@everyone", None),
        (&"x".repeat(40), Some(&*"x".repeat(32))),
        (&format!("{} y", "x".repeat(31)), Some(&*"x".repeat(31))),
    ] {
        assert_eq!(shown(name, "").0.as_deref(), expected, "{name}");
    }
    for (picture, taken) in [
        ("https://example.org/a.png?x=1", true),
        ("http://example.org/a.png", false),
        ("/a.png", false),
        ("javascript:alert(1)", false),
        ("https://a\"b", false),
        (&format!("https://{}", "x".repeat(500)), false),
    ] {
        assert_eq!(shown("", picture).1.is_some(), taken, "{picture}");
    }
}

#[test]
fn rooms_that_cannot_be_are_none() {
    let rooms = |list: &[&str]| {
        let rooms = Some(list.iter().map(|room| (*room).to_owned()).collect());
        check(&Claims { rooms, ..claims() }, NOW, URL).expect("a good token").rooms.map(|rooms| rooms.len())
    };
    assert_eq!((rooms(&[]), rooms(&["abcDEF012345", "x"])), (Some(0), Some(1)));
    assert_eq!(check(&claims(), NOW, URL).expect("a good token").rooms, None);
}
