//! Faults of the system around a command: files that are cut, replaced or still being written, no memory, no threads.

use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

use palmnet::unversioned::write_atomic;
use palmnet::{Model, Table};

use super::*;

const QUICK: &str =
    "train iris.csv --fast --epochs 2 --hidden 4 --optimizer adam --restarts 1 --weight-decay 0 --quiet";

/// Asserts that a command ended by itself, with a result or with an error that has a message.
#[track_caller]
fn ends_well(run: Run) {
    assert!(matches!(run.status, Some(0..=2)), "{}: {:?} {}", run.words, run.status, run.err);
    assert!(!run.err.contains("panicked"), "{}: {}", run.words, run.err);
    let has_message = run.err.lines().last().is_some_and(|line| line.starts_with("palmnet: "));
    assert!(run.status == Some(0) || has_message, "{}: {}", run.words, run.err);
}

/// Runs the command after a line of a shell that sets limits.
fn limited(folder: &Folder, limit: &str, words: &str) -> Run {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limit}; exec \"$0\" {words}"), env!("CARGO_BIN_EXE_palmnet")]);
    Run::of(command.current_dir(&folder.0).stdin(Stdio::null()), words)
}

#[test]
fn model_cut_anywhere_is_no_model() {
    let folder = Folder::of_irises();
    folder.run(QUICK).ok();
    let whole = folder.bytes("model.safetensors");
    for length in 0..whole.len() {
        let message = Model::from_bytes(&whole[..length], "cut").unwrap_err().to_string();
        assert!(message.starts_with("cut: "), "{message}");
    }
    // Whose metadata say that it was a model is replaced, and a stranger is kept.
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    for (length, is_replaced) in [(5, false), (header - 1, false), (header, true), (whole.len() - 1, true)] {
        folder.write("model.safetensors", &whole[..length]);
        folder.run("eval model.safetensors iris.csv").fails(1, &["model.safetensors: "]);
        let run = folder.run(QUICK);
        match is_replaced {
            true => drop(run.ok()),
            false => drop(run.fails(1, &["model.safetensors: exists and is not a model: choose another --out"])),
        }
        let expected = if is_replaced { &whole } else { &whole[..length] };
        assert!(folder.bytes("model.safetensors") == expected, "{length}");
    }
}

/// Cut at a byte, a table has fewer rows, or an error is said; no row has other cells but the last.
#[test]
fn table_cut_anywhere_has_the_rows_before() {
    let whole = Table::parse(IRIS, "iris.csv").unwrap();
    let text = &IRIS[..IRIS.len().min(1500)];
    let rows = |table: &Table, row: usize| table.cells(row).map(|cell| cell.into_owned()).collect::<Vec<String>>();
    for length in 0..text.len() {
        let Ok(table) = Table::parse(&text[..length], "cut") else { continue };
        if table.header() != whole.header() {
            continue;
        }
        for row in 0..table.rows().saturating_sub(1) {
            assert_eq!(rows(&table, row), rows(&whole, row), "{length}");
        }
    }
}

#[test]
fn checkpoint_cut_anywhere_is_an_error() {
    let folder = Folder::of_irises();
    let words = "train iris.csv --fast --epochs 90000 --hidden 3 --optimizer adam --restarts 1 --quiet --checkpoint c \
                 --checkpoint-every 5 --resume";
    let mut running = piped(&mut folder.command(words)).spawn().unwrap();
    let begin = Instant::now();
    while !Safetensors::read(folder.path("c")).is_ok_and(|file| file.tensor("history").is_some()) {
        assert!(begin.elapsed() < Duration::from_secs(60), "no checkpoint");
        std::thread::sleep(Duration::from_millis(1));
    }
    running.kill().unwrap();
    running.wait().unwrap();
    let whole = folder.bytes("c");
    // An empty file is one that a training has claimed and not filled.
    let step = whole.len() / 40 + 1;
    for length in (step..whole.len()).step_by(step).chain([1, 7, 8, 9, whole.len() - 1]) {
        folder.write("c", &whole[..length]);
        folder.run(words).fails(1, &["c: "]);
        assert!(folder.bytes("c") == whole[..length], "a checkpoint of {length} bytes is gone");
    }
}

/// A table from a pipe, whose writer is slow, ends early, or never comes.
#[test]
fn tables_come_through_pipes() {
    let folder = Folder::of_irises();
    assert!(Command::new("mkfifo").arg(folder.path("pipe")).status().unwrap().success());
    let through = |parts: Vec<&str>| {
        let words = QUICK.replace("iris.csv", "pipe");
        let child = piped(&mut folder.command(&words)).spawn().unwrap();
        let mut pipe = fs::OpenOptions::new().write(true).open(folder.path("pipe")).unwrap();
        for part in parts {
            // A command that has seen enough may have closed it.
            let _ = pipe.write_all(part.as_bytes());
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(pipe);
        Run::from_output(child.wait_with_output().unwrap(), &words)
    };
    through(vec![&IRIS[..700], &IRIS[700..]]).ok();
    let piped = folder.bytes("model.safetensors");
    folder.run(QUICK).ok();
    let network = |bytes: &[u8]| Model::from_bytes(bytes, "m").unwrap().network().to_bytes();
    assert!(network(&piped) == network(&folder.bytes("model.safetensors")));
    ends_well(through(vec![&IRIS[..1003]]));
    through(vec![]).fails(1, &["pipe: is empty"]);
}

/// While a file is replaced again and again, a command reads one of the two, never a mixture.
#[test]
fn file_that_is_replaced_while_it_is_read_is_one_of_both() {
    let folder = Folder::of_irises();
    folder.run(QUICK).ok();
    // The number of rows and their only value tell which of the two it is.
    let table = |value: &str, rows: usize| {
        "sepal_length,sepal_width,petal_length,petal_width\n".to_string()
            + &format!("{value},{value},{value},{value}\n").repeat(rows)
    };
    let [first, second] = [table("1", 20_000), table("7", 30_000)];
    let header = IRIS.lines().next().unwrap().rsplit_once(',').unwrap().0;
    let texts =
        [first, second].map(|text| text.replacen("sepal_length,sepal_width,petal_length,petal_width", header, 1));
    folder.write("rows.csv", &texts[0]);
    let expected = [0, 1].map(|index| {
        folder.write("one.csv", &texts[index]);
        folder.run("predict model.safetensors one.csv").ok()
    });
    assert_ne!(expected[0].lines().next_back(), expected[1].lines().next_back());
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for text in texts.iter().cycle().take_while(|_| !stop.load(std::sync::atomic::Ordering::Relaxed)) {
                write_atomic(folder.path("rows.csv"), text.as_bytes()).unwrap();
            }
        });
        for _ in 0..8 {
            let out = folder.run("predict model.safetensors rows.csv").ok();
            assert!(expected.contains(&out), "{} lines", out.lines().count());
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    // Cut and filled again in place, it may be read as far as it goes: the command ends by itself.
    for length in [0, 10, 1000, texts[1].len() / 2] {
        fs::File::options().write(true).open(folder.path("rows.csv")).unwrap().set_len(length as u64).unwrap();
        ends_well(folder.run("predict model.safetensors rows.csv"));
    }
}

#[test]
fn reader_that_stops_early_is_no_fault() {
    let folder = Folder::of_irises();
    folder.run(QUICK).ok();
    folder.write("long.csv", format!("{}{}", without_last_column(IRIS), "5,3,1,0\n".repeat(50_000)));
    for words in ["predict model.safetensors long.csv", "predict model.safetensors long.csv --json", "help train"] {
        let mut child = piped(&mut folder.command(words)).spawn().unwrap();
        let mut byte = [0];
        child.stdout.as_mut().unwrap().read_exact(&mut byte).unwrap();
        drop(child.stdout.take());
        let run = Run::from_output(child.wait_with_output().unwrap(), words);
        assert_eq!((run.status, &*run.err), (Some(0), ""), "{words}");
    }
}

/// Without memory or threads, a command trains on fewer threads or says what is lacking.
#[test]
#[cfg(target_os = "linux")]
fn limits_of_memory_and_processes_are_no_crashes() {
    if runner().is_some() {
        return eprintln!("limits of processes are not tested in an emulator");
    }
    let folder = Folder::of_irises();
    // Wide enough that threads would share the work.
    let words = "train iris.csv --fast --epochs 2 --hidden 200,200 --batch 120 --optimizer adam --lr 0.001 --restarts 1 \
                 --weight-decay 0 --quiet --threads 4";
    folder.run(words).ok();
    let expected = network_bits(Model::load(folder.path("model.safetensors")).unwrap().network());
    for megabytes in [7, 12, 16, 20, 40] {
        let run = limited(&folder, &format!("ulimit -v {}", megabytes * 1024), words);
        // The system may be unable to start the command at all.
        if run.status != Some(127) {
            ends_well(run);
        }
    }
    // The superuser has no limit of processes.
    fs::set_permissions(&folder.0, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let program = folder.path("program");
    fs::copy(env!("CARGO_BIN_EXE_palmnet"), &program).unwrap();
    fs::remove_file(folder.path("model.safetensors")).unwrap();
    let mut command = Command::new("bash");
    command.args(["-c", &format!("ulimit -u 1; exec \"$0\" {words}")]).arg(&program).current_dir(&folder.0);
    command.stdin(Stdio::null()).env_remove("PALMNET_ISA");
    let is_root = std::os::unix::fs::MetadataExt::uid(&fs::metadata(&folder.0).unwrap()) == 0;
    if is_root {
        command.uid(54_321).gid(54_321);
    }
    Run::of(&mut command, words).ok();
    assert!(network_bits(Model::load(folder.path("model.safetensors")).unwrap().network()) == expected);
}
