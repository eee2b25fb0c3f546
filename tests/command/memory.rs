//! Little memory: a result, or an error with a remedy, but never an end without a word. The limits are those of the
//! addresses of a process (`ulimit -v`).

use super::*;

/// Runs the command with so many kilobytes.
fn limited(folder: &Folder, kilobytes: usize, words: &str) -> Run {
    let script = format!("ulimit -v {kilobytes}; exec \"$0\" {words}");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_palmnet")]).current_dir(&folder.0).stdin(Stdio::null());
    Run::of(&mut command, &format!("{words} in {kilobytes} kB"))
}

/// 5.6 MB of texts are 31,000 rows of 17,940 inputs: 2,200 MB, if all were in memory at a time.
#[test]
fn many_categories_need_little_memory() {
    if runner().is_some() {
        return eprintln!("limits of processes are not tested in an emulator");
    }
    let folder = Folder::new();
    let header: String = (0..60).map(|column| format!("c{column},")).collect();
    let name = |number: usize| [b'a' + (number / 26) as u8, b'a' + (number % 26) as u8].map(char::from);
    let row = |row: usize| -> String {
        let cells = (0..60).flat_map(|column| name((row * 7 + column) % 299).into_iter().chain([',']));
        cells.collect::<String>() + &format!("{}\n", row % 2)
    };
    folder.write("wide.csv", header + "y\n" + &(0..31_000).map(row).collect::<String>());
    let settings = "--epochs 1 --hidden 2 --optimizer adam --lr 0.001 --weight-decay 0 --restarts 1 --quiet";
    limited(&folder, 300_000, &format!("train wide.csv --fast {settings}")).ok();
    limited(&folder, 300_000, "predict model.safetensors wide.csv").ok();
    let parts = ["31000 rows of 17940 inputs need", "`c0` (299)", "--ignore"];
    let words = format!("train wide.csv --fast {settings}");
    let mut errors = (14_000..60_000).step_by(3000).map(|kilobytes| limited(&folder, kilobytes, &words).err);
    assert!(errors.any(|err| parts.iter().all(|part| err.contains(part))), "no error that names the widest columns");
}

/// From the least memory in which the program starts at all to more than enough.
#[test]
fn every_limit_of_memory_ends_with_a_result_or_an_error() {
    if runner().is_some() {
        return eprintln!("limits of processes are not tested in an emulator");
    }
    let folder = Folder::of_irises();
    let line = |row: usize| {
        let color = ["red", "blue", "", "green"][row % 4];
        format!("n{row},\"a \"\"{}\"\"\",{}.25,{color},{}\n", row % 150, row * 7 % 1000, ["p", "q"][row / 2 % 2])
    };
    folder.write("mixed.csv", "name,kind,size,color,y\n".to_string() + &(0..1500).map(line).collect::<String>());
    let settings = "--hidden 8 --epochs 1 --optimizer adam --lr 0.001 --weight-decay 0 --restarts 1 --quiet";
    let train = format!("train mixed.csv --fast --categories name --validation 0.2 {settings}");
    folder.run(&train).ok();
    for words in [
        train.as_str(),
        "eval model.safetensors mixed.csv",
        "predict model.safetensors mixed.csv",
        "train mixed.csv --fast --test mixed.csv --hidden 4 --epochs 2 --optimizer lbfgs --restarts 1",
        "train mixed.csv --fast --hidden 4 --epochs 1 --folds 2",
    ] {
        let (mut results, mut errors) = (0, 0);
        for kilobytes in (4000..90_000).step_by(2500) {
            if limited(&folder, kilobytes, "--version").status != Some(0) {
                continue;
            }
            let run = limited(&folder, kilobytes, words);
            match run.status {
                Some(0) => results += 1,
                _ => errors += usize::from(!run.fails(1, &["memory"]).is_empty()),
            }
        }
        assert!(results > 0 && errors > 0, "{words}: {results} results and {errors} errors");
    }
}

#[test]
fn a_model_that_cannot_be_scored_is_saved() {
    if runner().is_some() {
        return eprintln!("limits of processes are not tested in an emulator");
    }
    let folder = Folder::new();
    let line = |row: usize| format!("0.{},0.{},0.{}\n", row * 7 % 1000, row * 11 % 1000, row * 13 % 1000);
    folder.write("t.csv", "a,b,y\n".to_string() + &(0..20_000).map(line).collect::<String>());
    // A small mini-batch through a wide layer needs less than the chunks of a score.
    let train = "train t.csv --fast --hidden 2000 --epochs 1 --batch 64 --optimizer adam --lr 0.001 --weight-decay 0 --threads 1 \
                 --restarts 1 --quiet -o m.safetensors";
    let mut unscored = 0;
    for kilobytes in (10_000..30_000).step_by(500) {
        let run = limited(&folder, kilobytes, train);
        if run.err.contains("the outputs for") {
            assert!(run.err.contains("the model is saved as m.safetensors, without scores"), "{}", run.err);
            folder.run("predict m.safetensors t.csv").ok();
            unscored += 1;
        }
        let _ = std::fs::remove_file(folder.0.join("m.safetensors"));
    }
    assert!(unscored > 0, "no limit at which training passes and scoring does not");
}
