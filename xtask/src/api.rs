//! The public items of the crates that others build on, and their snapshots in `docs/api`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::Value as Json;

use crate::process::quiet;
use crate::report::{Done, Failure};
use crate::workspace::{Member, Workspace, read};

/// The crates whose surface is watched; those of another checkout may be fewer.
pub(crate) const CRATES: [&str; 5] =
    ["sessile-formats", "sessile-core", "sessile-connect", "sessile", "sessile-actix"];
const UPDATE: &str = "if the change is meant: `cargo xtask api --write`, and commit docs/api";
/// Differences shown of one crate.
const SHOWN: usize = 20;

/// Compares with the snapshots, or writes them.
pub(crate) fn check(workspace: &Workspace, write: bool) -> Result<Done, Failure> {
    let (mut counts, mut failures) = (Vec::new(), Vec::new());
    let watched = workspace.members.iter().filter(|it| CRATES.contains(&it.name.as_str()));
    for member in watched {
        let name = &member.name;
        let items = items(workspace, member)?;
        println!("{name}: {} public items", items.len());
        counts.push(format!("{name} {}", items.len()));
        let file = workspace.root.join("docs/api").join(format!("{name}.txt"));
        if write {
            let text: String = items.iter().map(|it| format!("{it}\n")).collect();
            let written = fs::create_dir_all(workspace.root.join("docs/api"))
                .and_then(|()| fs::write(&file, text));
            written.map_err(|error| {
                Failure::new(
                    format!("could not write {}: {error}", file.display()),
                    "free the disk",
                )
            })?;
        } else {
            let text = read(&file).unwrap_or_default();
            let known: BTreeSet<String> = text.lines().map(str::to_owned).collect();
            let gone = known.difference(&items).map(|it| format!("- {it}"));
            let new = items.difference(&known).map(|it| format!("+ {it}"));
            let changes: Vec<String> = gone.chain(new).collect();
            if !changes.is_empty() {
                let more = changes.len().saturating_sub(SHOWN);
                let mut shown: Vec<_> = changes.into_iter().take(SHOWN).collect();
                if more > 0 {
                    shown.push(format!("… and {more} more"));
                }
                let what = format!("docs/api/{name}.txt is not what {name} exports:");
                failures.push(Failure::new(format!("{what}\n{}", shown.join("\n")), UPDATE));
            }
        }
    }
    Failure::all(failures).map_or_else(|| Ok(Done::note(counts.join(", "))), Err)
}

/// `KIND PATH` of all that a crate's users can name, with every feature.
pub(crate) fn items(workspace: &Workspace, member: &Member) -> Result<BTreeSet<String>, Failure> {
    let doc = rustdoc(workspace, &member.name)?;
    let mut others = BTreeMap::new();
    // What another of our crates exports whole is this one's, too.
    for (id, name) in foreign_globs(&doc) {
        if let Some(other) = workspace.members.iter().find(|it| it.name.replace('-', "_") == name) {
            others.insert(id, (name, items(workspace, other)?));
        }
    }
    let mut walk = Walk { doc: &doc, others, found: BTreeSet::new(), open: Vec::new() };
    let root = key(doc.get("root").unwrap_or(&Json::Null));
    walk.module(&root, &member.name.replace('-', "_"));
    if walk.found.is_empty() {
        let what = format!(
            "rustdoc's JSON of {} (format {}) is not understood",
            member.name, doc["format_version"]
        );
        return Err(Failure::new(what, "adapt xtask/src/api.rs to that format"));
    }
    Ok(walk.found)
}

/// Rustdoc's JSON, which stable compilers write when they are told that they may.
fn rustdoc(workspace: &Workspace, package: &str) -> Result<Json, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(format!("could not run rustdoc for its JSON: {error}"), "free the disk")
    };
    // The variable for rustdoc alone: cargo would build every dependency anew for it.
    let wrapper = workspace.target().join("rustdoc-for-json");
    fs::create_dir_all(workspace.target()).map_err(failed)?;
    let real = std::env::var("RUSTDOC").unwrap_or_else(|_| "rustdoc".to_owned());
    fs::write(&wrapper, format!("#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec {real} \"$@\"\n"))
        .map_err(failed)?;
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).map_err(failed)?;
    let mut command = workspace.cargo(&["rustdoc", "-p", package, "--lib", "--all-features", "--"]);
    command.args(["-Z", "unstable-options", "--output-format", "json", "--cap-lints", "allow"]);
    command.env("RUSTDOC", &wrapper);
    quiet(&mut command, "mend what rustdoc says above")?;
    let file: PathBuf =
        workspace.target().join("doc").join(format!("{}.json", package.replace('-', "_")));
    let text = read(&file)?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::new(format!("{} is no JSON: {error}", file.display()), "remove it and try again")
    })
}

/// Ids were texts in older formats and are numbers now.
fn key(id: &Json) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

/// The `use`s of all of another crate, with its name.
fn foreign_globs(doc: &Json) -> Vec<(String, String)> {
    let index = doc["index"].as_object().into_iter().flatten();
    let globs = index.filter(|(_, item)| {
        let inner = &item["inner"]["use"];
        item["visibility"] == "public"
            && inner["is_glob"] == true
            && doc["index"].get(key(&inner["id"])).is_none()
    });
    globs
        .filter_map(|(id, item)| {
            let source = item["inner"]["use"]["source"].as_str()?;
            let name = source.trim_start_matches("::").split("::").next()?;
            Some((id.clone(), name.to_owned()))
        })
        .collect()
}

/// One walk from a crate's root through all that can be named.
struct Walk<'a> {
    doc: &'a Json,
    others: BTreeMap<String, (String, BTreeSet<String>)>,
    found: BTreeSet<String>,
    /// Modules that are being walked: they may re-export each other.
    open: Vec<String>,
}

impl<'a> Walk<'a> {
    fn get(&self, id: &str) -> Option<&'a Json> {
        self.doc["index"].get(id)
    }

    fn module(&mut self, id: &str, path: &str) {
        if self.open.iter().any(|it| it == id) {
            return;
        }
        self.open.push(id.to_owned());
        let inner = self.get(id).map(|item| &item["inner"]);
        for item in ids(inner.and_then(|it| it.get("module")).map(|it| &it["items"])) {
            self.item(&item, path, None);
        }
        // The variants of an enum whose names are exported.
        for variant in ids(inner.and_then(|it| it.get("enum")).map(|it| &it["variants"])) {
            self.item(&variant, path, None);
        }
        self.open.pop();
    }

    /// An item under its own name, or under the one it is exported by.
    fn item(&mut self, id: &str, within: &str, name: Option<&str>) {
        let Some(item) = self.get(id) else { return };
        if !matches!(item["visibility"].as_str(), Some("public" | "default")) && name.is_none() {
            return;
        }
        let Some((kind, inner)) = item["inner"].as_object().and_then(|it| it.iter().next()) else {
            return;
        };
        if kind == "use" {
            return self.export(id, inner, within);
        }
        let Some(name) = name.or(item["name"].as_str()) else { return };
        let path = format!("{within}::{name}");
        self.found.insert(format!("{} {path}", word(kind)));
        if kind == "module" {
            return self.module(id, &path);
        }
        let fields = inner.get("kind").and_then(|it| it.get("plain").or(it.get("struct")));
        let fields = fields.map(|it| &it["fields"]).or_else(|| inner.get("fields"));
        let parts = [fields, inner.get("variants"), (kind == "trait").then(|| &inner["items"])];
        for part in parts.into_iter().flat_map(ids) {
            self.item(&part, &path, None);
        }
        for implementation in ids(inner.get("impls")) {
            let inner = self.get(&implementation).map(|it| &it["inner"]["impl"]);
            // What a trait's implementation has, the trait says.
            let inner = inner.filter(|it| it["trait"].is_null());
            for part in ids(inner.map(|it| &it["items"])) {
                self.item(&part, &path, None);
            }
        }
    }

    fn export(&mut self, id: &str, inner: &Json, within: &str) {
        let (name, target) = (inner["name"].as_str().unwrap_or_default(), key(&inner["id"]));
        let source = inner["source"].as_str().unwrap_or_default();
        if inner["is_glob"] == true {
            if let Some((other, items)) = self.others.get(id) {
                let start = format!("{other}::");
                let items = items.iter().filter_map(|it| {
                    let (kind, path) = it.split_once(' ')?;
                    Some(format!("{kind} {within}::{}", path.strip_prefix(&start)?))
                });
                let items: Vec<_> = items.collect();
                self.found.extend(items);
            } else if self.get(&target).is_some() {
                self.module(&target, within);
            } else {
                self.found.insert(format!("use {within}::* of {source}"));
            }
        } else if self.get(&target).is_some() {
            self.item(&target, within, Some(name));
        } else {
            self.found.insert(format!("use {within}::{name}"));
        }
    }
}

fn ids(list: Option<&Json>) -> Vec<String> {
    list.and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter(|it| !it.is_null())
        .map(key)
        .collect()
}

/// The keyword that makes such an item.
fn word(kind: &str) -> &str {
    match kind {
        "module" => "mod",
        "function" => "fn",
        "struct_field" => "field",
        "constant" | "assoc_const" => "const",
        "type_alias" | "assoc_type" => "type",
        "proc_macro" => "macro",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_can_be_named_is_found_under_the_name_it_has_outside() {
        let item = |name: &str, visibility: &str, inner: Json| json!({"name": name, "visibility": visibility, "inner": inner});
        let doc = json!({"root": 0, "format_version": 57, "index": {
            "0": item("a", "public", json!({"module": {"items": [1, 2, 3, 9]}})),
            "1": item("hidden", "crate", json!({"module": {"items": [4]}})),
            "2": json!({"name": null, "visibility": "public", "inner": {"use": {
                "source": "hidden::Thing", "name": "Renamed", "id": 4, "is_glob": false}}}),
            "3": json!({"name": null, "visibility": "public", "inner": {"use": {
                "source": "other", "name": "other", "id": 77, "is_glob": true}}}),
            "4": item("Thing", "public", json!({"struct": {
                "kind": {"plain": {"fields": [5]}}, "impls": [6, 8]}})),
            "5": item("field", "public", json!({"struct_field": {}})),
            "6": json!({"name": null, "visibility": "default", "inner": {"impl": {
                "trait": null, "items": [7, 10]}}}),
            "7": item("new", "public", json!({"function": {}})),
            "8": json!({"name": null, "visibility": "default", "inner": {"impl": {
                "trait": {"path": "Clone"}, "items": [7]}}}),
            "9": item("secret", "crate", json!({"function": {}})),
            "10": item("inner", "crate", json!({"function": {}})),
        }});
        assert_eq!(foreign_globs(&doc), [("3".to_owned(), "other".to_owned())]);
        let items = ["struct other::Thing", "fn other::Thing::go"].map(str::to_owned);
        let others = [("3".to_owned(), ("other".to_owned(), items.into()))].into();
        let mut walk = Walk { doc: &doc, others, found: BTreeSet::new(), open: Vec::new() };
        walk.module("0", "a");
        let found: Vec<_> = walk.found.iter().map(String::as_str).collect();
        let wanted = [
            "field a::Renamed::field",
            "fn a::Renamed::new",
            "fn a::Thing::go",
            "struct a::Renamed",
            "struct a::Thing",
        ];
        assert_eq!(found, wanted);
    }
}
