//! Which crate may depend on what: a new dependency is a new cell in this table.
#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

/// A crate and the only normal and build dependencies it may have. Whoever adds a cell says why in the commit.
const ALLOWED: &[(&str, &[&str])] = &[
    // No runtime, no serialisation, no clock, no chance, no log: pure crates only.
    (
        "domain",
        &[
            "async-trait",
            "psl",
            "thiserror",
            "unicode-normalization",
            "unicode-script",
            "unicode-security",
            "unicode-segmentation",
        ],
    ),
    (
        "infra",
        &[
            "async-nats",
            "async-trait",
            "base64",
            "bcrypt",
            "diesel",
            "diesel_migrations",
            "domain",
            "futures-util",
            "getrandom",
            "governor",
            "hmac",
            "jsonwebtoken",
            "libsqlite3-sys",
            "maxminddb",
            "openssl-sys",
            "percent-encoding",
            "pq-sys",
            "r2d2",
            "ring",
            "serde",
            "serde_json",
            "sha2",
            "thiserror",
            "tokio",
            "tracing",
        ],
    ),
    // Nothing of the database: whatever speaks SQL belongs to `infra`.
    (
        "api",
        &[
            "actix-cors",
            "actix-http",
            "actix-web",
            "actix-ws",
            "awc",
            "bytes",
            "clap",
            "domain",
            "form_urlencoded",
            "futures-util",
            "infra",
            "mimalloc",
            "prometheus-client",
            "rust-embed",
            "rustix",
            "serde",
            "serde_json",
            "serde_path_to_error",
            "serde_urlencoded",
            "socket2",
            "strsim",
            "thiserror",
            "tokio",
            "tracing",
            "tracing-subscriber",
            "utoipa",
        ],
    ),
    ("testkit", &["async-trait", "domain", "tokio"]),
    // Names none of ours: it measures a server from outside, as anybody could.
    (
        "bench",
        &["clap", "hdrhistogram", "memchr", "mio", "rustix", "serde", "serde_json", "socket2", "tempfile", "ureq"],
    ),
];

fn packages() -> Vec<Value> {
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let metadata: Value = serde_json::from_slice(&cargo.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// The dependencies of one kind: `None` is a normal one, else `dev` or `build`.
fn dependencies(package: &Value, of_kind: impl Fn(Option<&str>) -> bool) -> BTreeSet<&str> {
    let all = package["dependencies"].as_array().unwrap().iter();
    all.filter(|d| of_kind(d["kind"].as_str())).map(|d| d["name"].as_str().unwrap()).collect()
}

#[test]
fn every_crate_depends_only_on_what_its_layer_allows() {
    for package in &packages() {
        let name = package["name"].as_str().unwrap();
        let row = ALLOWED.iter().find(|(row, _)| *row == name);
        let allowed: BTreeSet<&str> =
            row.unwrap_or_else(|| panic!("`{name}` is missing from the table")).1.iter().copied().collect();
        let named = dependencies(package, |kind| kind != Some("dev"));
        let extra: Vec<_> = named.difference(&allowed).collect();
        assert!(extra.is_empty(), "`{name}` may not depend on {extra:?}");
    }
}

#[test]
fn the_table_allows_nothing_that_nobody_uses() {
    let packages = packages();
    for (name, allowed) in ALLOWED {
        let package = packages.iter().find(|package| package["name"] == *name);
        let package = package.unwrap_or_else(|| panic!("there is no crate `{name}`"));
        let named = dependencies(package, |kind| kind != Some("dev"));
        let unused: Vec<_> = allowed.iter().filter(|allowed| !named.contains(*allowed)).collect();
        assert!(unused.is_empty(), "`{name}` no longer depends on {unused:?}");
    }
}

#[test]
fn testkit_is_for_tests_only() {
    for package in &packages() {
        let named = dependencies(package, |kind| kind != Some("dev"));
        assert!(!named.contains("testkit"), "{} names testkit outside of its tests", package["name"]);
    }
}
