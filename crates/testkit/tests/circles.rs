//! No two modules of a crate need each other: whoever reads one need not read the other first.
//!
//! A module and those inside it are one thing, so a part may use what its parent holds.
#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// `realtime::hub` for `src/realtime/hub.rs`.
fn name(source: &Path, file: &Path) -> String {
    let path = file.strip_prefix(source).unwrap().with_extension("");
    let parts: Vec<&str> = path.iter().map(|part| part.to_str().unwrap()).filter(|part| *part != "mod").collect();
    parts.join("::")
}

/// The code without comments and without its unit tests.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Everything that stands behind `crate::` or `super::`, with the names in braces one by one.
fn paths(code: &str, module: &str) -> Vec<String> {
    let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
    let is_path = |c: char| c.is_alphanumeric() || "_:".contains(c);
    let mut found = Vec::new();
    for (root, base) in [("crate::", ""), ("super::", parent)] {
        for rest in code.split(root).skip(1) {
            let end = rest.find(|c| !is_path(c)).unwrap_or(rest.len());
            let path = rest[..end].trim_end_matches(':');
            let path = if base.is_empty() { path.to_owned() } else { format!("{base}::{path}") };
            match rest[end..].strip_prefix('{').and_then(|list| list.split('}').next()) {
                Some(list) => {
                    let item = |item: &str| format!("{path}::{}", item.trim()).trim_start_matches(':').to_owned();
                    found.extend(list.split(',').map(item));
                }
                None => found.push(path),
            }
        }
    }
    found
}

/// Which modules each module uses.
fn graph(source: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut all = Vec::new();
    files(source, &mut all);
    let modules: BTreeSet<String> = all.iter().map(|file| name(source, file)).collect();
    let module_of = |path: &str| {
        let mut path = path;
        while !modules.contains(path) {
            path = path.rsplit_once("::")?.0;
        }
        Some(path.to_owned())
    };
    all.iter()
        .map(|file| {
            let module = name(source, file);
            let used = paths(&code(file), &module).iter().filter_map(|path| module_of(path)).collect::<BTreeSet<_>>();
            let is_other = |used: &String| *used != module && !module.starts_with(&format!("{used}::"));
            (module.clone(), used.into_iter().filter(is_other).collect())
        })
        .collect()
}

/// Whether `from` leads to `to` over one module or more.
fn leads(graph: &BTreeMap<String, BTreeSet<String>>, from: &str, to: &str) -> bool {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(module) = next.pop() {
        for used in graph.get(module).into_iter().flatten() {
            if used == to {
                return true;
            }
            if seen.insert(used.as_str()) {
                next.push(used);
            }
        }
    }
    false
}

#[test]
fn no_module_needs_itself_over_others() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut circles = Vec::new();
    for member in ["domain", "infra", "api", "testkit", "bench"] {
        let graph = graph(&crates.join(member).join("src"));
        assert!(graph.len() > 3, "{member} has modules");
        let own = graph.keys().filter(|module| leads(&graph, module, module));
        circles.extend(own.map(|module| format!("{member}::{module}")));
    }
    assert!(circles.is_empty(), "these modules need each other: {circles:?}");
}
