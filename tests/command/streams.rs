//! Predictions for lines as they arrive, and behind the lines that they are for.

use std::io::BufRead;
use std::process::{Child, ChildStdin};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::*;

/// A command that answers lines.
struct Talk {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Talk {
    fn start(folder: &Folder, words: &str) -> Talk {
        let mut child = piped(folder.command(words).stdin(Stdio::piped())).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().unwrap());
        let (sender, lines) = channel();
        // A reader of its own, because an answer that does not come would be waited for forever.
        std::thread::spawn(move || {
            std::io::BufReader::new(stdout).lines().map_while(Result::ok).all(|line| sender.send(line).is_ok())
        });
        Talk { child, stdin, lines }
    }

    fn say(&mut self, text: &str) {
        self.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    #[track_caller]
    fn hear(&self) -> String {
        self.lines.recv_timeout(Duration::from_secs(60)).expect("an answer")
    }

    fn end(mut self, words: &str) -> Run {
        drop(self.stdin.take());
        Run::from_output(self.child.wait_with_output().unwrap(), words)
    }
}

/// A folder with a model of the irises, with names and without.
fn models() -> Folder {
    let folder = Folder::of_irises();
    folder.write("bare.csv", IRIS.split_once('\n').unwrap().1);
    let settings = "--fast --quiet --epochs 40 --hidden 8 --weight-decay 0";
    folder.run(&format!("train iris.csv {settings} -o m")).ok();
    folder.run(&format!("train bare.csv {settings} -o bare")).ok();
    folder
}

#[test]
fn each_line_is_answered_before_the_next_is_written() {
    let folder = models();
    for (model, has_header) in [("m", true), ("m", false), ("bare", false)] {
        let words = format!("predict {model} -");
        let expected = folder.run(&format!("predict {model} unlabeled.csv")).ok();
        let mut talk = Talk::start(&folder, &words);
        if has_header {
            talk.say("sepal_length,sepal_width,petal_length,petal_width\n");
        }
        let unlabeled = without_last_column(IRIS);
        for (line, answer) in unlabeled.lines().skip(1).zip(expected.lines()).step_by(7).take(20) {
            talk.say(line);
            talk.say("\n");
            assert_eq!(talk.hear(), answer, "{line}");
        }
        assert_eq!(talk.end(&words).ok(), "");
    }
}

#[test]
fn lines_that_cannot_be_read_have_an_answer() {
    let folder = models();
    let words = "predict m - --probabilities";
    let mut talk = Talk::start(&folder, words);
    talk.say("sepal_length,sepal_width,petal_length,petal_width\n");
    talk.say("5.1,3.5,1.4,0.2\n");
    assert_eq!(talk.hear(), "species,setosa,versicolor,virginica");
    assert!(talk.hear().starts_with("setosa,"));
    for bad in ["tall,3.5,1.4,0.2\n", "5.1,3.5\n", "5.1,3.5,1.4,0.2,7,8\n", "5.1,\"3.5\"x,1.4,0.2\n"] {
        talk.say(bad);
        assert_eq!(talk.hear(), ",,,", "{bad}");
        talk.say("5.9,2.8,4.2,1.3\r\n");
        assert!(talk.hear().starts_with("versicolor,"), "{bad}");
    }
    // Half a line, a blank line, a comment that is none, and a cell over two lines.
    talk.say("5.1,3.");
    talk.say("5,1.4,0.2\n\n");
    assert!(talk.hear().starts_with("setosa,"));
    assert_eq!(talk.hear(), ",,,");
    talk.say("#5.1,3.5,1.4,0.2\n\"5.1");
    assert_eq!(talk.hear(), ",,,");
    talk.say("\n\",3.5,1.4,0.2\n");
    assert!(talk.hear().starts_with("setosa,"));
    // The last line need not end.
    talk.say("5.1,3.5,1.4,0.2");
    let run = talk.end(words);
    for part in [
        "palmnet: -, line 3, column sepal_length: `tall` is not a number",
        "palmnet: -, line 5: 2 cells, but the lines above have 4: correct the line, or remove it",
        "palmnet: -, line 7: 6 cells",
        "palmnet: -, line 9: a cell continues after its closing double quote",
        "palmnet: -, line 13, column sepal_length: `#5.1` is not a number",
    ] {
        assert!(run.err.contains(part), "{part}: {}", run.err);
    }
    run.fails(1, &["-: 5 rows could not be read: see above"]);
    let run = folder.run_with_input("predict m - --strict", "5.1,3.5,1.4,0.2\n5.1,x,1.4,0.2\n");
    run.fails(1, &["-, line 2, column 2: `x` is not a number"]);
}

#[test]
fn faults_of_first_lines_are_errors() {
    let folder = models();
    let run = |input: &str| folder.run_with_input("predict m -", input);
    run("").fails(1, &["-: is empty"]);
    run("\n\n").fails(1, &["-: is empty"]);
    run("sepal_length,sepal_width,petal_length,petal_width\n").fails(1, &["has a header but no rows under it"]);
    run("a,b,c,d\n1,2,3,4\n").fails(1, &["lacks the columns"]);
    run("5.1,3.5\n").fails(1, &["has 2 columns, where 5 were expected, or 4 without the targets"]);
    run("{\"sepal_length\": 5.1}\n").fails(1, &["JSON"]);
    // At once, not only when the input ends.
    let mut talk = Talk::start(&folder, "predict m -");
    talk.say("5.1;3.5\n");
    assert!(talk.lines.recv_timeout(Duration::from_secs(60)).is_err());
    assert_eq!(talk.child.wait().unwrap().code(), Some(1));
}

/// The lines are those of a file, whatever the pieces in which they arrive.
#[test]
fn streams_and_files_have_the_same_predictions() {
    let folder = models();
    let unlabeled = without_last_column(IRIS);
    let (header, rows) = unlabeled.split_once('\n').unwrap();
    let many = format!("{header}\n{}", rows.repeat(700));
    folder.write("many.csv", &many);
    for options in ["", "--json", "--probabilities", "--append"] {
        let expected = folder.run(&format!("predict m many.csv {options}")).ok();
        assert!(expected.lines().count() >= 105_000);
        assert!(folder.run_with_input(&format!("predict m - {options}"), &many).ok() == expected, "{options}");
    }
    let expected = folder.run("predict m iris.csv --append --probabilities").ok();
    for size in [1, 7, 100, 1000] {
        let words = "predict m - --append --probabilities";
        let mut talk = Talk::start(&folder, words);
        for piece in IRIS.as_bytes().chunks(size) {
            talk.say(std::str::from_utf8(piece).unwrap());
        }
        drop(talk.stdin.take());
        let found: Vec<String> = talk.lines.iter().collect();
        assert_eq!(found, expected.lines().collect::<Vec<_>>(), "{size}");
        talk.end(words).ok();
    }
}

/// Programs may write a line in pieces, and wait for its answer.
#[test]
fn a_first_row_in_pieces_is_answered_at_once() {
    let folder = models();
    for words in ["predict m -", "predict bare -"] {
        for first in ["5.1,3.5,1.4,0.2\n", "sepal_length,sepal_width,petal_length,petal_width\r\n5.1,3.5,1.4,0.2\r\n"] {
            if words.contains("bare") && first.starts_with('s') {
                continue;
            }
            let mut talk = Talk::start(&folder, words);
            for i in 0..first.len() {
                talk.say(&first[i..=i]);
                if first.len() - i < 4 || first[i..].starts_with(['\r', '\n', 's']) {
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
            assert_eq!(talk.hear(), "setosa", "{words} {first:?}");
            talk.end(words).ok();
        }
    }
}

/// The meaning of a line does not depend on the lines that arrive with it.
#[test]
fn answers_do_not_depend_on_how_lines_arrive() {
    let folder = models();
    let header = "\n\nsepal_length,sepal_width,petal_length,petal_width\n \r\n";
    let rows = "5.1,3.5,1.4,0.2\n\n5.1,3.5,1.4\n\n  \n5.1,3.5,1.4,0.2,7\n,,,\n5.9,2.8,4.2,1.3\n\n";
    let answers = ["setosa", "", "", "", "", "", "", "versicolor", ""];
    for (above, options) in [(header, ""), ("", ""), ("\n", ""), (header, " --append"), (header, " --json")] {
        let (words, input) = (format!("predict m -{options}"), format!("{above}{rows}"));
        let together = folder.run_with_input(&words, &input).out;
        let mut talk = Talk::start(&folder, &words);
        for piece in input.split_inclusive('\n') {
            talk.say(piece);
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(talk.stdin.take());
        let found: Vec<String> = talk.lines.iter().collect();
        assert_eq!(found, together.lines().collect::<Vec<_>>(), "{words} {above:?}");
        talk.end(&words).fails(1, &["-: 2 rows could not be read"]);
        if options.is_empty() {
            assert_eq!(found, answers, "{above:?}");
        }
        if options == " --append" {
            assert_eq!(found[1..4], ["5.1,3.5,1.4,0.2,setosa", "", "5.1,3.5,1.4,"], "{above:?}");
            assert_eq!(found[7], ",,,,");
        }
    }
}

#[test]
fn predictions_are_appended_to_lines() {
    let folder = models();
    let table = |separator: &str| {
        let lines = [
            "name,sepal_length,sepal_width,petal_length,petal_width",
            "\"x, \"\"y\"\"\", 5.1,3.5,1.40,0.2",
            "z,\"5.9\",2.8,4.2,1.3",
        ];
        lines.map(|line| line.replace(", 5", ",5")).join("\r\n").replace(',', separator)
    };
    folder.write("new.csv", table(","));
    assert_eq!(
        folder.run("predict m new.csv --append").ok(),
        "name,sepal_length,sepal_width,petal_length,petal_width,species\r\n\
         \"x, \"\"y\"\"\",5.1,3.5,1.40,0.2,setosa\r\nz,\"5.9\",2.8,4.2,1.3,versicolor\r\n"
    );
    folder.write("new.csv", table(";"));
    let out = folder.run("predict m new.csv --append --probabilities").ok();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "name;sepal_length;sepal_width;petal_length;petal_width;species;setosa;versicolor;virginica");
    assert!(
        lines[1].starts_with("\"x; \"\"y\"\"\";5.1;3.5;1.40;0.2;setosa;0.") && lines[1].split(';').count() == 10,
        "{out}"
    );
    // Without a header there is none; a label that is there already is kept; blanks separate.
    folder.write("new.csv", "5.1,3.5,1.4,0.2\n5.9,2.8,4.2,1.3\n");
    let out = folder.run("predict m new.csv --append").ok();
    assert_eq!(out, "5.1,3.5,1.4,0.2,setosa\n5.9,2.8,4.2,1.3,versicolor\n");
    assert!(folder.run("predict m iris.csv --append").ok().starts_with(
        "sepal_length,sepal_width,petal_length,petal_width,species,species.predicted\n5.1,3.5,1.4,0.2,setosa,setosa\n"
    ));
    folder.write("new.txt", "5.1  3.5 1.4 0.2\n5.9 2.8 4.2 1.3\n");
    let out = folder.run("predict m new.txt --append").ok();
    assert_eq!(out, "5.1 3.5 1.4 0.2 setosa\n5.9 2.8 4.2 1.3 versicolor\n");
    // A row that cannot be read has an empty prediction.
    folder.write("new.csv", "5.1,3.5,1.4,0.2\n5.9,x,4.2,1.3\n");
    let run = folder.run("predict m new.csv --append --probabilities");
    assert!(run.out.ends_with("\n5.9,x,4.2,1.3,,,,\n"), "{}", run.out);
    run.fails(1, &["line 2"]);
    let run = folder.run_with_input("predict m - --append", "5.1,3.5,1.4,0.2\n5.9,x,4.2,1.3\n");
    assert!(run.out.ends_with("\n5.9,x,4.2,1.3,\n"), "{}", run.out);
    folder.run("predict m new.csv --append --json").fails(2, &["--append", "--json"]);
    write_images(&folder, "images");
    folder.run("train images --fast --quiet --epochs 1 --hidden 4 -o i").ok();
    folder.run("predict i images --append").fails(2, &["--append is for tables"]);
}

#[test]
fn appended_predictions_are_written_as_the_table() {
    let folder = Folder::new();
    let rows: String = (0..40).map(|i| format!("{i},5;{},25\r\n", 2 * i)).collect();
    folder.write("sums.csv", format!("size;price\r\n{rows}"));
    folder.run("train sums.csv --fast --quiet --epochs 2 --hidden 4 -o m").ok();
    let once = folder.run("predict m sums.csv --append").ok();
    let numbers: Vec<&str> = once.lines().skip(1).map(|line| line.rsplit(';').next().unwrap()).collect();
    assert!(once.starts_with("size;price;price.predicted\r\n0,5;0,25;") && once.matches("\r\n").count() == 41);
    let plain = folder.run("predict m sums.csv").ok();
    assert_eq!(numbers, plain.replace('.', ",").lines().collect::<Vec<_>>());
    // A line feed in quotes is no end of a line.
    folder.write("quoted.csv", "size;\"a\nb\"\r\n1,5;2\r\n2,5;3\r\n");
    let quoted = folder.run("predict m quoted.csv --append").ok();
    assert!(quoted.starts_with("size;\"a\nb\";price\r\n1,5;2;") && quoted.matches("\r\n").count() == 3, "{quoted:?}");
    // A file that has predictions gets more of them, under other names.
    folder.write("once.csv", &once);
    let twice = folder.run("predict m once.csv --append").ok();
    folder.write("twice.csv", &twice);
    let thrice = folder.run("predict m twice.csv --append").ok();
    let header = "size;price;price.predicted;price.predicted.2;price.predicted.3\r\n";
    assert!(thrice.starts_with(header) && thrice.starts_with(&twice[..twice.find('\r').unwrap()]), "{thrice}");
    assert_eq!(folder.run_with_input("predict m - --append", &twice).ok(), thrice);
}

/// An appended prediction stands under its name, also if lines or the header end in a separator.
#[test]
fn empty_cells_at_the_end_do_not_move_predictions() {
    let folder = models();
    let header = "sepal_length,sepal_width,petal_length,petal_width";
    let expected = format!("{header},species\n5.1,3.5,1.4,0.2,setosa\n5.9,2.8,4.2,\"1.3\",versicolor\n");
    for (above, first, second) in [("", ",", ","), (",", "", ""), (",,", ", ", ",\"\""), ("", "", "")] {
        let input = format!("{header}{above}\n5.1,3.5,1.4,0.2{first}\n5.9,2.8,4.2,\"1.3\"{second}\n");
        folder.write("new.csv", &input);
        assert_eq!(folder.run("predict m new.csv --append").ok(), expected, "{input}");
        assert_eq!(folder.run_with_input("predict m - --append", &input).ok(), expected, "{input}");
    }
}

/// A row whose outputs overflow is one that cannot be read: its line is named, and the others are answered.
#[test]
fn outputs_that_are_no_numbers_do_not_end_a_stream() {
    let folder = Folder::of_irises();
    folder.run("train iris.csv --fast --quiet --epochs 1 --hidden 64,64 -o m").ok();
    let (good, bad) = ("5.1,3.5,1.4,0.2\n", "3e38,-3e38,3e38,-3e38\n");
    let words = "predict m -";
    let mut talk = Talk::start(&folder, words);
    talk.say(good);
    assert!(!talk.hear().is_empty());
    talk.say(bad);
    assert_eq!(talk.hear(), "");
    talk.say(good);
    assert!(!talk.hear().is_empty());
    let run = talk.end(words);
    assert_eq!(run.err.matches("-, line 2: the network's outputs are not numbers").count(), 1, "{}", run.err);
    run.fails(1, &["-: 1 row could not be read: see above"]);
    let input = format!("{bad}{good}x{good}{bad}");
    folder.run_with_input("predict m - --strict", &input).fails(1, &["-, line 1: the network's"]);
    folder.write("new.csv", &input);
    let run = folder.run("predict m new.csv --header no");
    assert_eq!(run.out.lines().map(str::is_empty).collect::<Vec<_>>(), [true, false, true, true]);
    run.fails(1, &["3 rows cannot be read", "the first: new.csv, line 1: the network's"]);
}

/// A warning holds a text of the lines: one for each column is enough, and is all that is remembered.
#[test]
fn each_column_has_one_warning() {
    let folder = Folder::new();
    let rows: String = (0..60).map(|i| format!("{0},{i},{0},{1}\n", ["red", "blue"][i % 2], i % 2)).collect();
    folder.write("colors.csv", format!("1st,size,2nd,class\n{rows}"));
    folder.run("train colors.csv --target class --task classify --fast --quiet --epochs 1 -o m").ok();
    let words = "predict m -";
    let mut talk = Talk::start(&folder, words);
    talk.say("1st,size,2nd\n");
    for colors in ["red,5,red", "pink,5,red", "gray,5,red", "teal,5,gray", "blue,5,plum"] {
        talk.say(&format!("{colors}\n"));
        talk.hear();
    }
    let run = talk.end(words);
    for (column, text) in [("1st", "pink"), ("2nd", "gray")] {
        assert_eq!(run.err.matches(&format!("the column `{column}` has 1 cell")).count(), 1, "{}", run.err);
        assert!(run.err.contains(&format!("as `{text}`")), "{}", run.err);
    }
    run.ok();
}

/// A line that never ends, or a quote, is given up: no more than a limit is kept of it.
#[test]
fn endless_lines_have_an_answer() {
    let folder = models();
    let words = "predict m -";
    let mut talk = Talk::start(&folder, words);
    talk.say("5.1,3.5,1.4,0.2\n");
    assert_eq!(talk.hear(), "setosa");
    let long = "x".repeat(20 << 20);
    // The first has a line feed, and the second lacks one; a third has one in its open quote.
    for bad in [format!("5.1,{long}\n"), format!("5.1,\"{long}\n"), format!("5.1,\"3.5\n{long}\n")] {
        talk.say(&bad);
        assert_eq!(talk.hear(), "");
        if bad.starts_with("5.1,\"3.5") {
            assert_eq!(talk.hear(), "");
        }
        talk.say("5.9,2.8,4.2,1.3\n");
        assert_eq!(talk.hear(), "versicolor");
    }
    let run = talk.end(words);
    for part in
        ["-, line 2: is longer than", "-, line 4: is longer than", "-, line 6: a double quote opens", "-, line 7: is"]
    {
        assert!(run.err.contains(part), "{part}: {}", run.err);
    }
    run.fails(1, &["4 rows could not be read"]);
    folder.run_with_input(words, &long).fails(1, &["-, line 1: is longer than"]);
    // Lines may end in carriage returns alone.
    let out = folder.run_with_input(words, &"5.1,3.5,1.4,0.2\r".repeat(1_200_000)).ok();
    assert!(out.lines().count() == 1_200_000 && out.lines().all(|line| line == "setosa"));
}
