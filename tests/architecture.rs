//! The law of the house: a folder of `src` uses only the folders above it, and inside a folder no file uses another one
//! that uses it. Both are read off the `use` declarations and the paths in the code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The folders, from the bottom of the house, which uses nothing but the standard library, to the top.
const FLOORS: [&str; 15] = [
    "base", "format", "linalg", "nn", "data", "optim", "model", "explain", "train", "tune", "plot", "report", "export",
    "import", "c_api",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every source file, by its module path from `src`, without comments and unit tests.
fn modules() -> BTreeMap<Vec<String>, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let module = |path: &PathBuf| {
        let relative = path.strip_prefix(&root).unwrap().with_extension("");
        let mut names: Vec<String> = relative.iter().map(|name| name.to_str().unwrap().to_string()).collect();
        if names.last().is_some_and(|name| name == "mod") {
            names.pop();
        }
        let text = fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        (names, lines.map(|line| format!("{line}\n")).collect())
    };
    let modules: BTreeMap<Vec<String>, String> = files.iter().map(module).collect();
    modules.into_iter().filter(|(names, _)| names.last().is_none_or(|name| name != "tests")).collect()
}

/// The paths that code mentions after `prefix` (`crate::`, say), as lists of names; the names in braces apart.
fn paths(code: &str, prefix: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices(prefix) {
        let before = code[..start].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || "_:".contains(c)) {
            continue;
        }
        expand(&code[start + prefix.len()..], Vec::new(), &mut found);
    }
    found
}

/// Reads one path, with all that is in its braces; returns how many bytes it is long.
fn expand(code: &str, mut names: Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    let mut at = 0;
    loop {
        let rest = &code[at..];
        if let Some(inside) = rest.strip_prefix('{') {
            let mut length = 1;
            let mut rest = inside;
            while !rest.is_empty() && !rest.starts_with('}') {
                let skipped = rest.len() - rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',').len();
                rest = &rest[skipped..];
                length += skipped;
                if rest.starts_with('}') {
                    break;
                }
                let read = expand(rest, names.clone(), found).max(1);
                rest = &rest[read..];
                length += read;
            }
            return at + length + 1;
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        names.push(rest[..end].to_string());
        at += end;
        match code[at..].strip_prefix("::") {
            Some(next) if next.starts_with(|c: char| c.is_alphabetic() || c == '{' || c == '_') => at += 2,
            _ => break,
        }
    }
    found.push(names);
    at
}

/// The full paths that a module uses inside the crate.
fn uses(module: &[String], code: &str, is_folder: bool) -> Vec<Vec<String>> {
    let mut found = paths(code, "crate::");
    let parent = if module.is_empty() { &[] } else { &module[..module.len() - 1] };
    let relative = |base: &[String], path: Vec<String>| base.iter().cloned().chain(path).collect();
    found.extend(
        paths(code, "super::").into_iter().filter(|path| path[0] != "super").map(|path| relative(parent, path)),
    );
    if is_folder {
        found.extend(paths(code, "self::").into_iter().map(|path| relative(module, path)));
    }
    found
}

#[test]
fn folders_use_only_folders_above_them() {
    let modules = modules();
    let floor = |name: &str| FLOORS.iter().position(|floor| *floor == name);
    let folders: BTreeSet<&String> = modules.keys().filter(|names| names.len() > 1).map(|names| &names[0]).collect();
    for folder in folders.iter().filter(|folder| **folder != "cli") {
        assert!(floor(folder).is_some(), "src/{folder} has no floor: add it to FLOORS");
    }
    let mut arrows = 0;
    for (module, code) in &modules {
        // The entries of the library and of the command, and the command itself, see everything public.
        let Some(own) = module.first().and_then(|name| floor(name)) else { continue };
        let is_folder = folders.contains(&module[0]) && module.len() == 1;
        for path in uses(module, code, is_folder) {
            let Some(used) = floor(&path[0]) else {
                // A name at the root of the library is a re-export, which may come from any floor.
                panic!("src/{} uses crate::{}: name its module", module.join("/"), path.join("::"));
            };
            arrows += usize::from(used != own);
            assert!(used <= own, "src/{} uses {}, which is above it", module.join("/"), path.join("::"));
        }
    }
    assert!(arrows > 100, "{arrows} arrows are too few to have been read rightly");
}

/// A name that a folder re-exports is the file's that it comes from.
fn file_of(path: &[String], modules: &BTreeMap<Vec<String>, String>) -> Option<Vec<String>> {
    let mut known =
        (1..=path.len()).rev().map(|length| path[..length].to_vec()).find(|path| modules.contains_key(path))?;
    if let Some(name) = path.get(known.len()) {
        let exports = paths(&modules[&known].replace("pub use ", "pub use export::"), "export::");
        if let Some(export) = exports.into_iter().find(|export| export.last() == Some(name)) {
            known.extend(export);
            return file_of(&known, modules);
        }
    }
    Some(known)
}

#[test]
fn files_of_a_folder_form_no_circle() {
    let modules = modules();
    let has_children =
        |names: &[String]| modules.keys().any(|other| other.len() > names.len() && other.starts_with(names));
    let mut arrows: BTreeMap<&Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
    for (module, code) in modules.iter().filter(|(names, _)| names.len() > 1 && !has_children(names)) {
        let used = uses(module, code, false).into_iter().filter_map(|path| file_of(&path, &modules));
        let within =
            used.filter(|path| path.len() > 1 && path[0] == module[0] && path != module && !has_children(path));
        arrows.insert(module, within.collect());
    }
    assert!(arrows.values().map(BTreeSet::len).sum::<usize>() > 50, "too few arrows to have been read rightly");
    // Files whose uses are all done are taken away until nothing is left but circles.
    let mut rest = arrows;
    loop {
        let open: BTreeSet<Vec<String>> = rest.keys().map(|module| (*module).clone()).collect();
        let before = rest.len();
        rest.retain(|_, used| used.iter().any(|other| open.contains(other)));
        if rest.len() == before {
            break;
        }
    }
    let shown: Vec<String> = rest
        .iter()
        .map(|(module, used)| {
            let used: Vec<String> =
                used.iter().filter(|other| rest.contains_key(other)).map(|other| other.join("/")).collect();
            format!("{} → {}", module.join("/"), used.join(", "))
        })
        .collect();
    assert!(shown.is_empty(), "these files use each other, directly or in a circle:\n{}", shown.join("\n"));
}

/// The most lines of a file and of a function: more are two subjects.
const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 80;
const PARAMETERS: usize = 5;

/// Every source file of the crate with its lines.
fn files() -> Vec<(PathBuf, Vec<String>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    ["src", "tests", "examples"].iter().for_each(|folder| sources(&root.join(folder), &mut files));
    let read = |path: PathBuf| {
        let lines = fs::read_to_string(&path).unwrap().lines().map(str::to_string).collect();
        (path.strip_prefix(root).unwrap().to_path_buf(), lines)
    };
    files.into_iter().map(read).collect()
}

/// The files that may have `unsafe`: vectors, and pointers that C gives.
const UNSAFE: [&str; 2] = ["src/c_api/mod.rs", "src/linalg/lanes.rs"];

#[test]
fn unsafe_has_its_files() {
    let mut found: Vec<String> = files()
        .iter()
        .filter(|(path, lines)| path.starts_with("src") && lines.iter().any(|line| line.contains("allow(unsafe_code)")))
        .map(|(path, _)| path.display().to_string())
        .collect();
    found.sort();
    assert_eq!(found, UNSAFE);
}

#[test]
fn files_are_short() {
    let long: Vec<String> = files()
        .iter()
        .filter(|(_, lines)| lines.len() > FILE_LINES)
        .map(|(path, lines)| format!("{}: {} lines", path.display(), lines.len()))
        .collect();
    assert!(long.is_empty(), "files of more than {FILE_LINES} lines:\n{}", long.join("\n"));
}

#[test]
fn functions_are_short_and_take_few_parameters() {
    let mut faults = Vec::new();
    let mut functions = 0;
    for (path, lines) in files().iter().filter(|(path, _)| path.starts_with("src")) {
        for (start, line) in lines.iter().enumerate() {
            let code = line.trim_start();
            let is_function = code.split(' ').take_while(|word| !word.ends_with("fn")).count() < 4
                && (code.starts_with("fn ")
                    || code.contains(" fn ") && (code.starts_with("pub") || code.starts_with("const fn")));
            if !is_function || code.starts_with("//") {
                continue;
            }
            functions += 1;
            let indent = &line[..line.len() - code.len()];
            let end = lines[start..].iter().position(|line| line.strip_prefix(indent) == Some("}")).unwrap_or(0);
            // A file's tests may be tables.
            let is_test = lines[..start].iter().any(|line| line == "#[cfg(test)]");
            let name = code.split("fn ").nth(1).unwrap_or_default().split(['(', '<']).next().unwrap_or_default();
            let at = format!("{}:{} {name}", path.display(), start + 1);
            if end + 1 > FUNCTION_LINES && !is_test && !code.ends_with(';') {
                faults.push(format!("{at} has {} lines", end + 1));
            }
            let head: String =
                lines[start..].iter().take_while(|line| !line.trim_end().ends_with('{')).cloned().collect();
            let head = if head.is_empty() { line.clone() } else { head };
            // The parameters stand between the parentheses, after those of the type.
            let list = head.split_once('(').map_or("", |(_, rest)| rest.split("->").next().unwrap_or_default());
            let parameters = list.matches(": ").count();
            if parameters > PARAMETERS && !is_test {
                faults.push(format!("{at} has {parameters} parameters"));
            }
        }
    }
    assert!(functions > 800, "{functions} functions are too few to have been read rightly");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
