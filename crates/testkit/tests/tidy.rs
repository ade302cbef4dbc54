//! What the compiler does not check about the text of this repository.
#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The longest a source file may be.
const LINES_MAX: usize = 450;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// All files below `folder` with one of these endings, without what is built or installed.
fn files(folder: &str, endings: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !["target", "node_modules", "dist", "data", ".git", "test-output", "vendor"].contains(&name.as_str())
                {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let shown = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                found.push((shown, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn rust() -> Vec<(String, String)> {
    files("crates", &[".rs"])
}

#[track_caller]
fn none(offenders: Vec<String>, rule: &str) {
    assert!(offenders.is_empty(), "{rule}:\n  {}", offenders.join("\n  "));
}

/// `path:line` of every line of code that holds one of `words`; neither what is quoted nor comments count.
fn lines_with<'a>(files: impl Iterator<Item = &'a (String, String)>, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in files {
        for (number, line) in text.lines().enumerate() {
            let unquoted: String = line.split('"').step_by(2).collect();
            let code = unquoted.split("//").next().unwrap_or_default();
            if words.iter().any(|word| code.contains(word)) {
                found.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn there_is_something_to_check() {
    let rust = rust();
    for file in ["crates/domain/src/lib.rs", "crates/testkit/tests/tidy.rs", "crates/infra/src/lib.rs"] {
        assert!(rust.iter().any(|(path, _)| path == file), "{file} was not found");
    }
}

#[test]
fn every_rust_file_opens_by_saying_what_it_is() {
    let silent = |(path, text): (String, String)| (!text.starts_with("//! ")).then_some(path);
    none(rust().into_iter().filter_map(silent).collect(), "every module opens with `//!`");
}

#[test]
fn no_source_file_is_too_long() {
    let mut sources = rust();
    sources.extend(files("web", &[".ts", ".tsx", ".css"]));
    let long = |(path, text): (String, String)| {
        let lines = text.lines().count();
        (lines > LINES_MAX && !path.contains("generated")).then(|| format!("{path}: {lines}"))
    };
    none(sources.into_iter().filter_map(long).collect(), "a file says one thing, in at most 450 lines");
}

#[test]
fn api_names_infra_in_one_file() {
    let rust = rust();
    // The program itself may: it starts what `bootstrap.rs` puts together.
    let elsewhere = rust.iter().filter(|(path, _)| {
        path.starts_with("crates/api/src/")
            && !["bootstrap.rs", "main.rs"].iter().any(|file| path.ends_with(&format!("src/{file}")))
    });
    none(lines_with(elsewhere, &["infra::"]), "only api/src/bootstrap.rs names infra");
}

#[test]
fn the_domain_reads_no_clock_no_environment_and_no_file() {
    let rust = rust();
    let domain = rust.iter().filter(|(path, _)| path.starts_with("crates/domain/src/"));
    let words = [
        "SystemTime::now",
        "Instant::now",
        "env::var",
        "std::fs",
        "std::net::Tcp",
        "std::thread",
        "println!",
        "eprintln!",
    ];
    none(lines_with(domain, &words), "the domain does no I/O and takes `now`");
}

#[test]
fn services_and_stores_keep_nothing_global() {
    let rust = rust();
    let sources = rust.iter().filter(|(path, _)| path.contains("/src/") && !path.starts_with("crates/testkit/"));
    let mut found = lines_with(sources.clone(), &["LazyLock", "thread_local!", "static mut"]);
    // A value that is made once may be a field.
    found.extend(lines_with(sources, &["OnceLock<"]).into_iter().filter(|line| line.contains("static ")));
    none(found, "no `static` with behaviour");
}

#[test]
fn lints_are_expected_with_a_reason() {
    let rust = rust();
    // This file names them, and what tests share is used in part by each of them, so nothing can be expected there.
    let is_exempt = |path: &str| path.ends_with("tests/tidy.rs") || path.contains("/tests/support/");
    let others = rust.iter().filter(|(path, _)| !is_exempt(path));
    none(lines_with(others, &["#[allow(", "#![allow(", "#[ignore", "should_panic"]), "use #[expect(…, reason)]");
}

#[test]
fn every_migration_exists_for_both_databases() {
    let names = |backend: &str| -> BTreeSet<String> {
        let folder = root().join("migrations").join(backend);
        let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap());
        let folders = entries.filter(|entry| entry.path().is_dir());
        folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    };
    let (postgres, sqlite) = (names("postgres"), names("sqlite"));
    assert_eq!(postgres, sqlite, "the same migrations, under the same names");
    for name in postgres {
        for file in ["up.sql", "down.sql"] {
            for backend in ["postgres", "sqlite"] {
                let path = root().join("migrations").join(backend).join(&name).join(file);
                assert!(path.exists(), "{} is missing", path.display());
            }
        }
    }
}

#[test]
fn no_file_names_somebodys_machine() {
    let endings =
        [".rs", ".toml", ".md", ".ts", ".tsx", ".mjs", ".js", ".json", ".sql", ".html", ".css", ".sh", "justfile"];
    let mut all = files("", &endings);
    all.extend(files(".ci", &[""]));
    // Written apart, so that this file does not name one itself.
    let homes = [["/ho", "me/"], ["/Us", "ers/"], ["/ro", "ot/"], ["/wo", "rk/"], ["C:\\Us", "ers"]]
        .map(|parts| parts.concat());
    let mut found = Vec::new();
    for (path, text) in all.iter().filter(|(path, _)| !path.ends_with("package-lock.json")) {
        for (number, line) in text.lines().enumerate() {
            if homes.iter().any(|home| line.contains(home.as_str())) {
                found.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    none(found, "no private path");
}

#[test]
fn every_case_of_the_suite_is_run() {
    let suite = fs::read_to_string(root().join("crates/testkit/src/conformance/mod.rs")).unwrap();
    let listed: BTreeSet<&str> = suite.lines().map(|line| line.trim().trim_end_matches(',')).collect();
    let mut forgotten = Vec::new();
    for (path, text) in files("crates/testkit/src/conformance", &[".rs"]) {
        for line in text.lines().filter(|line| line.starts_with("pub async fn ")) {
            let name = line.trim_start_matches("pub async fn ").split('(').next().unwrap();
            if !listed.contains(name) {
                forgotten.push(format!("{path}: {name}"));
            }
        }
    }
    none(forgotten, "conformance_suite! lists every case");
}

/// The name that a line at the left margin defines, if it defines a type.
fn defined_type(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
    let is_type = matches!(words.next(), Some("struct" | "enum" | "trait" | "type"));
    let name = words.next().filter(|_| is_type && !line.starts_with(' '))?;
    name.split(|c: char| !c.is_alphanumeric()).next()
}

#[test]
fn no_two_types_of_a_crate_have_one_name() {
    let mut defined = BTreeMap::new();
    let mut doubled = Vec::new();
    for (path, text) in rust().iter().filter(|(path, _)| path.contains("/src/")) {
        let of_crate = path.split("/src/").next().unwrap();
        for name in text.lines().filter_map(defined_type) {
            if let Some(first) = defined.insert((of_crate, name), path).filter(|first| *first != path) {
                doubled.push(format!("{name}: {first} and {path}"));
            }
        }
    }
    none(doubled, "a name stands for one type in a crate");
}
