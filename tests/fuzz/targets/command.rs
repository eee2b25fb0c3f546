//! The words of a command line, a word a line, in a folder of its own.
//!
//! There are a model and a table for the commands that take no time. Words that are paths elsewhere are left out.

#![no_main]

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

#[path = "../../../src/cli/mod.rs"]
#[allow(dead_code)]
mod cli;

static FOLDERS: LazyLock<[PathBuf; 2]> = LazyLock::new(|| {
    let folder = palmnet_fuzz::folder("command");
    let [full, empty] = ["full", "empty"].map(|name| folder.join(name));
    [&full, &empty].into_iter().for_each(|folder| std::fs::create_dir_all(folder).unwrap());
    std::fs::write(full.join("m"), include_bytes!("../../../examples/iris.safetensors")).unwrap();
    std::fs::write(full.join("t"), "sepal_length,sepal_width,petal_length,petal_width,species\n5,3,1,0.2,setosa\n")
        .unwrap();
    [full, empty]
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let words: Vec<&str> = text.split('\n').collect();
    // These train without a file, for seconds. `--help` may be the value of another option.
    let is_slow = |word: &&str| matches!(*word, "demo" | "bench");
    let is_elsewhere = |word: &&str| word.contains(['/', '\0']) || word.contains("..");
    let asks_for_help = matches!(words[..], [_, "--help" | "-h"] | ["help", _]);
    if words.iter().any(is_elsewhere) || (words.iter().any(|word| is_slow(&word)) && !asks_for_help) {
        return;
    }
    let takes_no_time = words.first().is_some_and(|word| matches!(*word, "predict" | "eval" | "info"));
    // The fuzzer reads its corpus, whose path may be relative, in between.
    let before = std::env::current_dir().unwrap();
    std::env::set_current_dir(&FOLDERS[usize::from(!takes_no_time)]).unwrap();
    cli::run(words.into_iter().map(OsString::from));
    std::env::set_current_dir(before).unwrap();
});
