//! Figures of the sources: lines, public items, files in import circles.
//!
//! A circle is a set of files each of which needs the others to be understood. Whose file a name
//! is in is followed through re-exports; a module that only names and re-exports its parts
//! depends on none of them. Test modules count for nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::api;
use crate::check::collect_sources;
use crate::report::Failure;
use crate::workspace::{Workspace, read};

/// What one crate is made of.
struct Crate {
    name: String,
    files: Vec<PathBuf>,
    lines: usize,
    public: Option<usize>,
    circles: Vec<Vec<String>>,
}

/// Prints the figures of all crates of the repository, or of another checkout's.
pub(crate) fn print(workspace: &Workspace) -> Result<(), Failure> {
    let mut crates = Vec::new();
    for member in &workspace.members {
        let source = member.folder.join("src");
        let mut files = Vec::new();
        collect_sources(&source, &mut files);
        files.sort();
        let mut lines = 0;
        let mut modules = BTreeMap::new();
        for file in &files {
            let text = read(file)?;
            lines += text.lines().count();
            let inside = file.strip_prefix(&source).unwrap_or(file);
            modules.insert(module_of(inside), Module::read(inside, &text));
        }
        let public = api::CRATES.contains(&member.name.as_str());
        let public = public.then(|| api::items(workspace, member)).transpose()?;
        crates.push(Crate {
            name: member.name.clone(),
            files,
            lines,
            public: public.map(|items| items.len()),
            circles: circles(&modules),
        });
    }
    println!(
        "{:<22} {:>6} {:>7} {:>12} {:>17}",
        "crate", "files", "lines", "public items", "files in circles"
    );
    let (mut files, mut lines, mut in_circles) = (0, 0, 0);
    for it in &crates {
        let circled: usize = it.circles.iter().map(Vec::len).sum();
        let public = it.public.map_or("-".to_owned(), |count| count.to_string());
        let (name, count) = (&it.name, it.files.len());
        println!("{name:<22} {count:>6} {:>7} {public:>12} {circled:>17}", it.lines);
        files += count;
        lines += it.lines;
        in_circles += circled;
    }
    println!("{:<22} {files:>6} {lines:>7} {:>12} {in_circles:>17}\n", "all", "");
    for it in &crates {
        for circle in &it.circles {
            println!("circle in {}: {}", it.name, circle.join(", "));
        }
    }
    Ok(())
}

/// `["a", "b"]` for `a/b.rs` and `a/b/mod.rs`, nothing for the crate's root.
fn module_of(file: &Path) -> Vec<String> {
    let mut parts: Vec<String> = file
        .with_extension("")
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    if parts.last().is_some_and(|it| it == "mod")
        || parts.len() == 1 && parts.first().is_some_and(|it| it == "lib" || it == "main")
    {
        parts.pop();
    }
    parts
}

/// One file: the paths it names, and those under which it re-exports others' names.
struct Module {
    file: String,
    named: BTreeSet<Vec<String>>,
    exported: Vec<(String, Vec<String>)>,
}

impl Module {
    fn read(file: &Path, text: &str) -> Self {
        let module = module_of(file);
        let (mut named, mut exported) = (BTreeSet::new(), Vec::new());
        for statement in statements(text) {
            let (public, path) = match statement.split_once("use ") {
                Some((before, path)) if before.trim().is_empty() => (false, Some(path)),
                Some((before, path)) if before.trim().starts_with("pub") => (true, Some(path)),
                _ => (false, None),
            };
            if let Some(path) = path {
                let mut paths = Vec::new();
                expand(path.trim(), &mut Vec::new(), &mut paths);
                for (path, name) in paths {
                    let Some(path) = absolute(&module, &path, public) else { continue };
                    if public {
                        exported.push((name, path));
                    } else {
                        named.insert(path);
                    }
                }
            } else {
                for start in ["crate::", "super::"] {
                    for (at, _) in statement.match_indices(start) {
                        let path = statement.get(at..).unwrap_or_default();
                        let end = path.find(|c: char| !c.is_alphanumeric() && !"_:".contains(c));
                        let path: Vec<String> = path
                            .get(..end.unwrap_or(path.len()))
                            .unwrap_or_default()
                            .split("::")
                            .filter(|part| !part.is_empty())
                            .map(str::to_owned)
                            .collect();
                        named.extend(absolute(&module, &path, false));
                    }
                }
            }
        }
        Self { file: file.display().to_string(), named, exported }
    }
}

/// The text up to each `;`, `{` of a block or `}`, without comments and test modules. Those of
/// `use` hold their braces.
fn statements(text: &str) -> Vec<String> {
    let code: String = text
        .split("#[cfg(test)]\nmod ")
        .next()
        .unwrap_or_default()
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default().to_owned() + " ")
        .collect();
    let mut statements = vec![String::new()];
    for letter in code.chars() {
        let Some(last) = statements.last_mut() else { continue };
        let is_use = last.trim_start().starts_with("use ")
            || last.trim_start().starts_with("pub") && last.contains("use ");
        if letter == ';' || !is_use && (letter == '{' || letter == '}') {
            statements.push(String::new());
        } else {
            last.push(letter);
        }
    }
    statements
}

/// `a::{b, c as d}` as `a::b` named b and `a::c` named d; a glob is named `*`.
fn expand(text: &str, before: &mut Vec<String>, into: &mut Vec<(Vec<String>, String)>) {
    let Some((head, inside)) = text.split_once('{') else {
        let (path, name) = text.split_once(" as ").unwrap_or((text, ""));
        let mut path: Vec<String> =
            before.iter().cloned().chain(path.split("::").map(|it| it.trim().to_owned())).collect();
        if path.last().is_some_and(|it| it == "self") {
            path.pop();
        }
        let last = path.last().cloned().unwrap_or_default();
        into.push((path, if name.is_empty() { last } else { name.trim().to_owned() }));
        return;
    };
    let depth = before.len();
    before.extend(head.split("::").map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()));
    let inside = inside.trim_end().strip_suffix('}').unwrap_or(inside);
    let (mut open, mut item) = (0, String::new());
    for letter in inside.chars().chain([',']) {
        match letter {
            '{' => open += 1,
            '}' => open -= 1,
            ',' if open == 0 => {
                if !item.trim().is_empty() {
                    expand(item.trim(), before, into);
                }
                item.clear();
                continue;
            }
            _ => {}
        }
        item.push(letter);
    }
    before.truncate(depth);
}

/// A path from the crate's root; `None` for another crate's. A re-export may name its module's
/// child without `self::`.
fn absolute(module: &[String], path: &[String], child: bool) -> Option<Vec<String>> {
    let mut base = module.to_vec();
    let mut rest = path;
    match path.first()?.as_str() {
        "crate" => {
            base.clear();
            rest = path.get(1..)?;
        }
        "self" => rest = path.get(1..)?,
        "super" => {
            while rest.first().is_some_and(|it| it == "super") {
                base.pop();
                rest = rest.get(1..)?;
            }
        }
        _ if child => {}
        _ => return None,
    }
    base.extend(rest.iter().cloned());
    Some(base)
}

type Modules = BTreeMap<Vec<String>, Module>;

/// The module in which a path's name is made, through re-exports.
fn home(modules: &Modules, path: &[String], depth: usize) -> Option<Vec<String>> {
    let at = (0..=path.len()).rev().find(|at| modules.contains_key(&path[..*at]))?;
    let module = &path[..at];
    let Some(name) = path.get(at) else { return Some(module.to_vec()) };
    let exported = &modules.get(module)?.exported;
    if depth < 8 {
        for (_, target) in exported.iter().filter(|(it, _)| it == name) {
            if let Some(found) = home(modules, target, depth + 1) {
                return Some(found);
            }
        }
        for (_, target) in exported.iter().filter(|(it, _)| it == "*") {
            let target: Vec<_> =
                target.iter().filter(|it| *it != "*").chain([name]).cloned().collect();
            // Only where the name is really exported on.
            let found = home(modules, &target, depth + 1);
            if let Some(found) = found.filter(|it| it.as_slice() != module) {
                return Some(found);
            }
        }
    }
    Some(module.to_vec())
}

/// The sets of more than one file that reach each other (Tarjan).
fn circles(modules: &Modules) -> Vec<Vec<String>> {
    let keys: Vec<&Vec<String>> = modules.keys().collect();
    let number = |path: &[String]| keys.iter().position(|it| it.as_slice() == path);
    let edges: Vec<BTreeSet<usize>> = modules
        .iter()
        .enumerate()
        .map(|(own, (_, module))| {
            let homes = module.named.iter().filter_map(|path| home(modules, path, 0));
            homes.filter_map(|home| number(&home)).filter(|it| *it != own).collect()
        })
        .collect();
    let mut search = Search {
        edges: &edges,
        order: vec![None; keys.len()],
        low: vec![0; keys.len()],
        on_stack: vec![false; keys.len()],
        stack: Vec::new(),
        next: 0,
        found: Vec::new(),
    };
    for node in 0..keys.len() {
        if search.order[node].is_none() {
            search.visit(node);
        }
    }
    let names: Vec<&str> = modules.values().map(|it| it.file.as_str()).collect();
    let mut circles: Vec<Vec<String>> = search
        .found
        .into_iter()
        .filter(|set| set.len() > 1)
        .map(|set| set.into_iter().map(|it| names[it].to_owned()).collect::<BTreeSet<_>>())
        .map(|set| set.into_iter().collect())
        .collect();
    circles.sort();
    circles
}

struct Search<'a> {
    edges: &'a [BTreeSet<usize>],
    order: Vec<Option<usize>>,
    low: Vec<usize>,
    on_stack: Vec<bool>,
    stack: Vec<usize>,
    next: usize,
    found: Vec<Vec<usize>>,
}

impl Search<'_> {
    fn visit(&mut self, node: usize) {
        let own = self.next;
        self.next += 1;
        self.order[node] = Some(own);
        self.low[node] = own;
        self.stack.push(node);
        self.on_stack[node] = true;
        for &to in &self.edges[node] {
            match self.order[to] {
                None => {
                    self.visit(to);
                    self.low[node] = self.low[node].min(self.low[to]);
                }
                Some(order) if self.on_stack[to] => self.low[node] = self.low[node].min(order),
                Some(_) => {}
            }
        }
        if self.low[node] == own {
            let mut set = Vec::new();
            while let Some(top) = self.stack.pop() {
                self.on_stack[top] = false;
                set.push(top);
                if top == node {
                    break;
                }
            }
            self.found.push(set);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles_of(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let modules = files
            .iter()
            .map(|(file, text)| (module_of(Path::new(file)), Module::read(Path::new(file), text)));
        circles(&modules.collect())
    }

    #[test]
    fn circles_are_found_through_re_exports_and_paths_in_the_code() {
        let found = circles_of(&[
            ("lib.rs", "mod a;\nmod b;\nmod c;\npub use a::A;\npub use b::{B as Bee, self};\n"),
            ("a.rs", "use crate::Bee;\npub struct A(Bee);"),
            ("b/mod.rs", "mod inner;\nuse super::c;\npub struct B;"),
            ("b/inner.rs", "use super::B;"),
            ("c.rs", "pub fn c(_: crate::A) {}"),
        ]);
        assert_eq!(found, [["a.rs", "b/mod.rs", "c.rs"]]);
    }

    #[test]
    fn parents_that_re_export_tests_and_comments_make_no_circle() {
        let found = circles_of(&[
            ("lib.rs", "mod a;\npub use a::*;\n// use crate::a::A;"),
            (
                "a.rs",
                "use std::fmt;\nuse crate::Result;\n#[cfg(test)]\nmod tests { use crate::b; }",
            ),
            ("b.rs", "use crate::a::{self, A};"),
        ]);
        assert_eq!(found, Vec::<Vec<String>>::new());
    }

    #[test]
    fn nested_braces_are_expanded() {
        let mut found = Vec::new();
        expand("crate::{a::{b, c as d}, e::*, self}", &mut Vec::new(), &mut found);
        let found: Vec<_> =
            found.into_iter().map(|(path, name)| format!("{} {name}", path.join("::"))).collect();
        assert_eq!(found, ["crate::a::b b", "crate::a::c d", "crate::e::* *", "crate crate"]);
    }
}
