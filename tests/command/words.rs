//! The command line: demos, benchmarks, help, and errors in arguments.

use super::*;

#[test]
fn demos_default_to_digits() {
    let folder = Folder::new();
    let lines = folder.run("demo --json").json();
    let done = lines.last().unwrap();
    assert!(number(done, "test.accuracy") >= 0.95, "{done}");
    assert_eq!(text(done, "model"), "digits.safetensors");
    let out = folder.run("info digits.safetensors").ok();
    assert!(out.contains("palmnet demo digits --seed 0"), "{out}");
}

#[test]
fn demos_of_xor() {
    let folder = Folder::new();
    let out = folder.run("demo xor --quiet").ok();
    for (row, answer) in [("0 xor 0", 0.0), ("0 xor 1", 1.0), ("1 xor 0", 1.0), ("1 xor 1", 0.0)] {
        let line = out.lines().find(|line| line.starts_with(row)).unwrap();
        let value: f64 = line.rsplit_once(' ').unwrap().1.parse().unwrap();
        assert!((value - answer).abs() < 0.1, "{line}");
    }
    assert!(folder.has("xor.safetensors"));
}

#[test]
fn demos_of_a_neuron() {
    let folder = Folder::new();
    let narrow = [("COLUMNS", "40"), ("LC_ALL", "C.UTF-8")];
    let run = folder.run_with("demo neuron --seed 3 -o sub.safetensors", &narrow);
    assert!(run.out.contains("learned: x·(1, -1.") && run.out.contains("saved sub.safetensors"), "{}", run.out);
    assert!(run.err.contains("epoch "), "{}", run.err);
    let done = &folder.run("demo neuron --json").json();
    assert!(number(done.last().unwrap(), "test.accuracy") >= 0.98);
    // The map of the decision regions has two areas.
    let map: Vec<&str> = run
        .out
        .lines()
        .skip_while(|line| !line.starts_with('─'))
        .filter(|line| !line.is_empty() && line.chars().all(|c| c == '·' || c == '█'))
        .collect();
    assert!(map.len() >= 10 && map.iter().all(|line| line.chars().count() == map[0].chars().count()), "{}", run.out);
    assert!(map.concat().contains('·') && map.concat().contains('█'));
}

/// The instruction set that every processor of this kind has.
const BASIC: &str = if cfg!(target_arch = "x86_64") {
    "sse2"
} else if cfg!(target_arch = "aarch64") {
    "neon"
} else {
    "portable"
};

/// A line of a benchmark, which names the job, an instruction set, and positive numbers for all of `own`.
#[track_caller]
fn check(line: &Json, job: &str, own: &[&str]) {
    assert_eq!(text(line, "job"), job);
    assert!(["avx512", "avx2", "sse2", "neon", "portable"].contains(&text(line, "isa")));
    own.iter().for_each(|name| assert!(number(line, name) > 0.0, "{line}"));
}

#[test]
fn benchmarks_of_inference() {
    let folder = Folder::new();
    let lines = folder.run("bench infer --json").json();
    assert_eq!(lines.len(), 2);
    for (line, batch) in lines.iter().zip([1.0, 1000.0]) {
        check(line, "infer", &["us"]);
        assert_eq!(number(line, "threads"), 1.0);
        assert_eq!((numbers(member(line, "layers")), number(line, "batch")), (vec![784.0, 128.0, 128.0, 10.0], batch));
    }
    let lines = folder.run("bench infer --batch 7 --json").json();
    assert_eq!((lines.len(), number(&lines[0], "batch")), (1, 7.0));
    let run = folder.run_with("bench infer", &[("PALMNET_ISA", BASIC), ("COLUMNS", "40")]);
    assert!(run.out.contains("µs") && run.out.lines().all(|line| line.chars().count() <= 40), "{}", run.out);
}

#[test]
fn benchmark_of_members() {
    let folder = Folder::new();
    let lines = folder.run("bench members --json --threads 1").json();
    assert_eq!(lines.iter().map(|line| number(line, "inputs")).collect::<Vec<_>>(), [64.0, 128.0, 256.0]);
    lines.iter().for_each(|line| check(line, "members", &["step_ms", "plain_step_ms", "ratio"]));
}

#[test]
fn benchmark_of_small_networks() {
    let folder = Folder::new();
    let lines = folder.run("bench small --json").json();
    assert_eq!(
        lines.iter().map(|line| text(line, "work")).collect::<Vec<_>>(),
        ["step 4-16-16-3 ×16", "prediction 4-16-3"]
    );
    lines.iter().for_each(|line| check(line, "small", &["ns", "peak_ns"]));
    let run = folder.run("bench small");
    assert!(run.out.contains("ns") && run.out.lines().all(|line| line.chars().count() <= 40), "{}", run.out);
}

#[test]
fn benchmark_errors() {
    let folder = Folder::new();
    folder.run("bench infer --batch 9999999999999").fails(2, &["--batch", "to 100000"]);
    write_images(&folder, "images");
    folder.run("bench train --data images").fails(1, &["784 inputs", "16 features"]);
    folder.run("bench train --data none").fails(1, &["none"]);
    folder.run("bench speed").fails(2, &["unknown bench \"speed\"", "gemm, train, members, small, infer"]);
    folder.run("bench train --batch 0").fails(2, &["--batch 0", "a whole number from 1"]);
}

#[test]
fn benchmarks_of_training_and_products() {
    if emulated() {
        return eprintln!("benchmarks of training and of products are not tested: they would take minutes");
    }
    let folder = Folder::new();
    let line = &folder.run("bench train --batch 500 --epochs 2 --threads 2 --json").json()[0];
    check(line, "train", &[]);
    assert_eq!(number(line, "threads"), 2.0);
    assert_eq!((number(line, "batch"), numbers(member(line, "epoch_s")).len()), (500.0, 2));
    assert!(numbers(member(line, "epoch_s")).iter().all(|&seconds| seconds > 0.0));
    assert_eq!(member(line, "test_accuracy"), &Json::Null);
    // Large products are measured with one thread and with all, others with one.
    let mut threads: Vec<(String, f64, Vec<f64>)> = Vec::new();
    for line in &folder.run("bench gemm --threads 3 --json").json() {
        check(line, "gemm", &["m", "k", "n", "gflops"]);
        let [m, k, n] = ["m", "k", "n"].map(|size| number(line, size));
        let product = format!("{m} × {k} × {n} {}", member(line, "transposed"));
        match threads.last_mut() {
            Some((last, _, threads)) if *last == product => threads.push(number(line, "threads")),
            _ => threads.push((product, m * k * n, vec![number(line, "threads")])),
        }
    }
    for (product, size, threads) in &threads {
        let expected = if *size >= palmnet::unversioned::SHARED_PRODUCT as f64 { &[1.0, 3.0][..] } else { &[1.0] };
        assert_eq!(threads, expected, "{product}");
    }
    let large = threads.iter().filter(|(_, _, threads)| threads.len() == 2).count();
    assert!(threads.len() > 5 && (1..threads.len()).contains(&large), "{threads:?}");
}

#[test]
fn help_of_every_command() {
    let folder = Folder::new();
    for (command, option) in [
        ("demo", "--seed"),
        ("train", "--patience"),
        ("search", "--trials"),
        ("eval", "--json"),
        ("predict", "--json"),
        ("explain", "--row"),
        ("info", "--json"),
    ] {
        let out = folder.run(&format!("{command} --help")).ok();
        assert!(out.starts_with(&format!("palmnet {command}")) && out.contains(option), "{out}");
        assert_eq!(folder.run(&format!("help {command}")).ok(), out);
        assert_eq!(folder.run(&format!("{command} -h")).ok(), out);
        // Even if the rest of the line is wrong.
        assert_eq!(folder.run(&format!("{command} a --help b c d")).ok(), out);
        assert!(folder.run("--help").ok().contains(&format!("palmnet {command}")));
    }
    assert_eq!(folder.run("help").ok(), folder.run("--help").ok());
    assert_eq!(folder.run("--version").ok(), format!("palmnet {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(folder.run("-V").ok(), folder.run("--version").ok());
}

#[test]
fn help_of_train_lists_every_option() {
    let folder = Folder::new();
    let out = folder.run("train --help").ok();
    for option in
        "--target --task --test --hidden --activation --optimizer --lr --schedule --warmup --l1 --l2 --weight-decay \
                   --epochs --batch --dropout --validation --patience --seed -o --out --every --quiet --json --scale \
                   --init --restarts --noise --batch-norm --layer-norm --max-norm --clip --clip-value --label-smoothing
                   --balanced --ignore --missing --folds --from --freeze --history
                   --checkpoint --checkpoint-every --resume"
            .split_whitespace()
    {
        assert!(out.contains(option), "{option}");
    }
}

#[test]
fn options_in_the_help_are_accepted() {
    let folder = Folder::new();
    let with_data = ["train none.csv", "search none.csv", "eval none none.csv", "predict none none.csv"];
    for command in with_data.into_iter().chain(["explain none none.csv", "demo", "bench"]) {
        let help = folder.run(&format!("{command} --help")).ok();
        let words = help.lines().filter(|line| line.starts_with("  -")).flat_map(|line| line.split([' ', ',', '=']));
        let options: Vec<&str> = words.filter(|word| word.starts_with('-')).collect();
        assert!(!options.is_empty(), "{help}");
        for option in options {
            // The bad value ends the command before it starts to work, whatever the option.
            let run = folder.run(&format!("{command} {option}=? --threads=?"));
            assert!(!run.err.contains("unknown option"), "{command}: {}", run.err);
            run.fails(2, &[]);
        }
    }
}

#[test]
fn help_of_train_states_the_defaults() {
    let folder = Folder::new();
    let out = folder.run("train --help").ok();
    let out = out.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "0.1 for sgd, 0.03 for momentum, 0.03 for nesterov, 0.05 for adagrad",
        "inverse_scaling[:POWER], cosine[:LOWEST], one_cycle, plateau[:EPOCHS[:FACTOR]]",
        "0.003 for adamw",
        "64,64,64 for tables, 128,128 for images",
        "0.01 for adamw and 0 for others if --optimizer or --from is given",
        "20 with --validation",
        "0.1 with --patience",
        "32 for fewer than 2000 training examples",
        "with --fast 16 for fewer than 1000",
        "at least 5 rows each on average",
        "hard_sigmoid, softmax,",
        "normal:DEVIATION, truncated_normal:DEVIATION, uniform:LOW:HIGH, constant:VALUE",
    ] {
        assert!(out.contains(part), "{part}");
    }
}

/// The help names a rate for every optimizer; a training without `--lr` must use it.
#[test]
fn learning_rates_in_the_help_are_the_defaults() {
    let folder = Folder::of_irises();
    let help = folder.run("train --help").ok().split_whitespace().collect::<Vec<_>>().join(" ");
    let rates = help.split_once("--lr X|auto").unwrap().1.split_once("[default: ").unwrap().1;
    let rates = rates.split_once(']').unwrap().0;
    let mut named = Vec::new();
    for part in rates.split(", ") {
        let (rate, optimizer) = part.split_once(" for ").unwrap();
        let words = format!("train iris.csv --fast --optimizer {optimizer} --epochs 1 --hidden 4 --restarts 1 --quiet");
        let out = folder.run(&words).ok();
        let settings = out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(settings.contains(&format!(" --lr {rate} ")), "{optimizer}: {out}");
        named.push(optimizer);
    }
    let all = ["adam", "adamw", "amsgrad", "nadam", "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "rprop"];
    assert_eq!(named, all);
}

#[test]
fn wrong_command_lines_are_explained() {
    let folder = Folder::of_irises();
    let run = folder.run("");
    assert_eq!((run.status, run.out.as_str()), (Some(2), ""));
    assert!(run.err.starts_with("palmnet: no command given") && run.err.contains("palmnet demo"), "{}", run.err);
    for (words, parts) in [
        ("trian iris.csv", &["unknown command \"trian\"", "did you mean train?", "palmnet --help"][..]),
        ("frobnicate", &["unknown command \"frobnicate\"", "known are demo, train"]),
        ("help trian", &["did you mean train?"]),
        ("train iris.csv --epoch 3", &["unknown option --epoch", "did you mean --epochs?", "palmnet train --help"]),
        ("train iris.csv --optimiser sgd", &["did you mean --optimizer?"]),
        ("train iris.csv -x", &["unknown option -x"]),
        ("train iris.csv --lerning-rate 1", &["did you mean --learning-rate?"]),
        ("train iris.csv -o --json", &["-o needs a value: FILE"]),
        ("train iris.csv --lr", &["--lr needs a value: X", "palmnet train --help"]),
        ("train iris.csv --lr fast", &["--lr fast", "a number above 0"]),
        ("train iris.csv --lr 0", &["--lr 0", "above 0"]),
        ("train iris.csv --lr nan", &["--lr nan", "above 0"]),
        ("train iris.csv --lr -1", &["--lr -1", "above 0"]),
        ("train iris.csv --lr inf", &["--lr inf: expected a number above 0"]),
        ("train iris.csv --epochs 0", &["--epochs 0", "a whole number from 1"]),
        ("train iris.csv --epochs 1.5", &["--epochs 1.5", "a whole number from 1"]),
        ("train iris.csv --batch 0", &["--batch 0", "a whole number from 1"]),
        (
            "train iris.csv --batch 99999999999999999999999",
            &["--batch", "999: too large; expected a whole number from 1"],
        ),
        ("train iris.csv --epochs 18446744073709551616", &["616: too large; expected a whole number from 1"]),
        ("train iris.csv --seed 18446744073709551616", &["616: too large; expected a whole number"]),
        ("train iris.csv --patience 18446744073709551616", &["616: too large; expected a whole number"]),
        ("train iris.csv --every 18446744073709551616", &["616: too large; expected a whole number from 1"]),
        ("train iris.csv --hidden 8,18446744073709551616", &["616: too large; expected numbers of units"]),
        ("train iris.csv --schedule plateau:18446744073709551616", &["616: too large; "]),
        ("train iris.csv --lr 1e39", &["--lr 1e39: too large; expected a number above 0"]),
        ("train iris.csv --restarts 0", &["--restarts 0"]),
        ("train iris.csv --every 0", &["--every 0"]),
        ("train iris.csv --seed -1", &["--seed -1", "a whole number"]),
        ("train iris.csv --dropout 1", &["--dropout 1", "less than 1"]),
        ("train iris.csv --dropout 0.99999999999", &["--dropout", "less than 1"]),
        ("train iris.csv --dropout nan", &["--dropout nan"]),
        ("train iris.csv --validation 1", &["--validation 1", "less than 1"]),
        ("train iris.csv --patience x", &["--patience x"]),
        ("train iris.csv --hidden 8,x", &["--hidden", "as in 128,128"]),
        ("train iris.csv --hidden 8,0", &["--hidden", "as in 128,128"]),
        (
            "train iris.csv --activation rellu",
            &["--activation rellu: unknown activation `rellu` (did you mean `relu`?)", "leaky_relu"],
        ),
        ("train iris.csv --init he", &["--init he: unknown initialization `he`", "he_normal"]),
        (
            "train iris.csv --optimizer newton",
            &["--optimizer newton: unknown optimizer", "adam, adamw", "nesterov, adagrad, rmsprop, rprop, lbfgs"],
        ),
        ("train iris.csv --optimizer lbfgs --lr 0.1", &["--lr does not go with --optimizer lbfgs"]),
        ("train iris.csv --optimizer lbfgs --lr auto", &["--lr does not go with --optimizer lbfgs"]),
        ("train iris.csv --optimizer lbfgs --batch 5", &["--batch does not go with"]),
        ("train iris.csv --optimizer lbfgs --l1 0.1", &["--l1 does not go with"]),
        ("train iris.csv --optimizer lbfgs --dropout 0.1", &["--dropout does not go with"]),
        ("train iris.csv --optimizer lbfgs --schedule cosine", &["--schedule does not go with"]),
        ("train iris.csv --optimizer lbfgs --warmup 0.1", &["--warmup does not go with"]),
        ("train iris.csv --optimizer lbfgs --weight-decay 0.1", &["--weight-decay does not go with"]),
        ("train iris.csv --optimizer rprop --lr auto", &["--lr auto does not go with --optimizer rprop"]),
        ("train iris.csv --lr automatic", &["--lr automatic", "above 0, or auto"]),
        (
            "train iris.csv --schedule sine",
            &["unknown schedule `sine`", "cooldown[:FRACTION], step:EPOCHS:FACTOR,", "mean `cosine`?"],
        ),
        ("train iris.csv --schedule step:10", &["schedule `step:10`: expected `step:EPOCHS:FACTOR`"]),
        ("train iris.csv --schedule exponential:1.5", &["exponential:1.5", "at most 1"]),
        ("train iris.csv --warmup 1.5", &["--warmup 1.5", "from 0 to 1"]),
        ("train iris.csv --l1 -1", &["--l1 -1", "at least 0"]),
        ("train iris.csv --l2 nan", &["--l2 nan", "at least 0"]),
        ("train iris.csv --batch-norm --layer-norm", &["--batch-norm", "--layer-norm", "exclude each other"]),
        ("train iris.csv --noise -1", &["--noise -1", "at least 0"]),
        ("train iris.csv --max-norm 0", &["--max-norm 0", "above 0"]),
        ("train iris.csv --clip x", &["--clip x", "above 0"]),
        ("train iris.csv --clip-value 0", &["--clip-value 0", "above 0"]),
        ("train iris.csv --label-smoothing 1", &["--label-smoothing 1", "less than 1"]),
        ("train iris.csv --weight-decay much", &["--weight-decay much", "at least 0, or auto"]),
        (
            "train iris.csv --scale log",
            &["--scale log", "unknown scaling `log`; known are standard, robust, minmax, pixels, none"],
        ),
        ("train iris.csv --seed 1 --seed 2", &["--seed is given twice"]),
        ("train iris.csv -o a --out b", &["--out is given twice"]),
        ("train iris.csv --quiet=yes", &["--quiet takes no value"]),
        ("train iris.csv more.csv", &["unexpected argument more.csv", "palmnet train DATA"]),
        ("train", &["missing argument", "palmnet train DATA"]),
        ("eval model.safetensors", &["missing argument", "palmnet eval MODEL DATA"]),
        ("info", &["missing argument", "palmnet info MODEL"]),
        ("predict a b c", &["unexpected argument c"]),
        ("demo xr", &["unknown demo \"xr\"", "did you mean xor?", "spirals"]),
        ("demo xor digits", &["unexpected argument digits"]),
        ("demo mnist", &["palmnet demo mnist FOLDER"]),
        ("demo --seed", &["--seed needs a value"]),
        ("train iris.csv --activation rellu", &["did you mean `relu`?"]),
        ("train iris.csv --activation leaky_rely:0.1", &["did you mean `leaky_relu`?"]),
        ("train iris.csv --init he_norml", &["did you mean `he_normal`?"]),
        ("train iris.csv --optimizer adm", &["did you mean `adam`?"]),
        ("train iris.csv --schedule cooldwon:0.3", &["did you mean `cooldown`?"]),
    ] {
        let run = folder.run(words);
        assert_eq!(run.out, "", "{words}");
        run.fails(2, parts);
        // Errors in arguments come before any data is read.
        if !words.contains("more.csv") {
            folder.run(&words.replace("iris.csv", "none.csv")).fails(2, parts);
        }
    }
    folder.run("train iris.csv --target Specis").fails(1, &["no column `Specis`", "did you mean `species`?"]);
    folder.run("train iris.csv --target color").fails(1, &["no column `color`; it has", "`species`"]);
    // After `--`, nothing is an option.
    folder.write("-odd.csv", IRIS);
    folder.run("train --quiet --epochs 1 -- -odd.csv").ok();
}

/// The names that scikit-learn has.
#[test]
fn names_of_scikit_learn_are_understood() {
    let folder = Folder::of_irises();
    let words = "fit iris.csv --fast --hidden-layer-sizes 4 --max-iter 2 --solver adam --learning_rate_init 0.01 \
                 --batch_size 16 --random-state 3 --test_size 0.25 --n_iter_no_change 1 --validation-fraction 0.1";
    let out = folder.run(words).ok().split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["palmnet train iris.csv", "--hidden 4", "--lr 0.01", "--batch 16", "--seed 3", "train 113"] {
        assert!(out.contains(part), "{part}: {out}");
    }
    for (alias, name) in [
        ("predict model.safetensors iris.csv --proba", "predict model.safetensors iris.csv --probabilities"),
        ("predict model.safetensors iris.csv --predict_proba", "predict model.safetensors iris.csv --probabilities"),
        ("score model.safetensors iris.csv", "eval model.safetensors iris.csv"),
        ("evaluate model.safetensors iris.csv", "eval model.safetensors iris.csv"),
        ("help fit", "help train"),
    ] {
        assert_eq!(folder.run(alias).ok(), folder.run(name).ok(), "{alias}");
    }
    folder.run("search iris.csv --fast --n-iter 1 --epochs 1 --quiet").ok();
}

/// `(sleep 1000; cat iris.csv) | palmnet train - --lr foo`
#[test]
fn errors_come_before_standard_input_is_read() {
    let folder = Folder::new();
    for words in ["train - --lr foo", "train - --every 0", "train - --task cluster", "train - --out ."] {
        let mut child = piped(folder.command(words).stdin(Stdio::piped())).spawn().unwrap();
        let stdin = child.stdin.take();
        let ended = (0..1000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            child.try_wait().unwrap().is_some()
        });
        drop(stdin);
        assert!(ended, "{words}");
        Run::from_output(child.wait_with_output().unwrap(), words)
            .fails(if words.contains("out") { 1 } else { 2 }, &[]);
    }
}

#[cfg(unix)]
#[test]
fn non_utf8_arguments_are_errors() {
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new();
    let word = std::ffi::OsStr::from_bytes(b"\xFF.csv");
    Run::of(folder.command("train").arg(word), "train \\xFF.csv").fails(2, &["not UTF-8"]);
}

#[test]
fn extreme_settings() {
    let folder = Folder::of_irises();
    let most = usize::MAX;
    for hidden in [format!("{most}"), format!("{}", most / 8), "3000000000,4000000000".to_string()] {
        folder
            .run(&format!("train iris.csv --fast --hidden {hidden}"))
            .fails(1, &["does not fit into memory", "fewer units"]);
    }
    let lines = folder.run(&format!("train iris.csv --fast --batch {most} --epochs 2 --json")).json();
    assert_eq!(lines.len(), 3);
    // Early stopping and divergence end these at once.
    folder.run(&format!("train iris.csv --fast --epochs {most} --lr 0.1 --validation 0.3 --patience 1 --quiet")).ok();
    folder
        .run("train iris.csv --lr 1e38 --restarts 1")
        .fails(1, &["training diverged in epoch 1, batch ", "learning rate"]);
}

#[test]
fn instruction_set_is_forced_by_a_variable() {
    let folder = Folder::of_irises();
    folder.run("train iris.csv --quiet --epochs 2").ok();
    folder.run("demo xor --quiet").ok();
    let lacking = if cfg!(target_arch = "x86_64") { "neon" } else { "avx2" };
    let commands =
        ["train iris.csv", "demo xor", "eval model.safetensors iris.csv", "predict model.safetensors iris.csv"];
    for words in commands {
        folder.run_with(words, &[("PALMNET_ISA", BASIC)]).ok();
        for (wish, part) in [(lacking, "not in this processor"), ("mmx", "no such instruction set"), ("", "no such")] {
            let run = folder.run_with(words, &[("PALMNET_ISA", wish)]);
            assert_eq!(run.out, "", "{words}");
            run.fails(1, &[&format!("PALMNET_ISA={wish}"), part, BASIC]);
        }
    }
    folder.run_with("train --help", &[("PALMNET_ISA", "mmx")]).ok();
}
