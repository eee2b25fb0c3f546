//! The page of `--report`.

use super::*;

/// Reads the page with Python's html5lib, which finds every fault of syntax; returns its headings. Without the package,
/// the syntax is not checked, and the headings are searched for.
fn headings(html: &str) -> Vec<String> {
    let script = "import sys, html5lib\n\
                  page = html5lib.HTMLParser(strict=True).parse(sys.stdin.buffer.read().decode())\n\
                  print('\\n'.join(h.text for h in page.iter('{http://www.w3.org/1999/xhtml}h2')))";
    let simple = || html.split("<h2>").skip(1).map(|rest| rest.split('<').next().unwrap().to_string()).collect();
    if Command::new("python3").args(["-c", "import html5lib"]).output().is_ok_and(|output| output.status.success()) {
        let mut child = piped(Command::new("python3").args(["-c", script]).stdin(Stdio::piped())).spawn().unwrap();
        child.stdin.take().unwrap().write_all(html.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let (text, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(output.status.success(), "{error}");
        let found: Vec<String> = text.lines().map(str::to_string).collect();
        assert_eq!(found, simple());
        return found;
    }
    eprintln!("the syntax of the report is not checked: there is no html5lib");
    simple()
}

/// Returns a report after checking that it needs nothing else.
fn report(folder: &Folder, file: &str) -> String {
    let html = String::from_utf8(folder.bytes(file)).unwrap();
    for part in ["<script", "src=", "@import", "url(", "<link"] {
        assert!(!html.contains(part), "{file} has {part}");
    }
    // The name of the vocabulary of SVG is no request, and images are in the page.
    assert_eq!(html.matches("http").count(), html.matches("xmlns=\"http://www.w3.org/2000/svg\"").count());
    assert_eq!(html.matches("href=").count(), html.matches("href=\"data:image/png;base64,").count());
    html
}

#[test]
fn report_of_classes() {
    let folder = Folder::of_irises();
    let out = folder.run("train iris.csv --fast --epochs 30 --quiet --report iris.html").ok();
    assert!(out.ends_with("saved iris.html\n"), "{out}");
    let html = report(&folder, "iris.html");
    assert_eq!(
        headings(&html),
        [
            "Model",
            "Why this model",
            "Data",
            "Training",
            "Predictions",
            "Columns that the model needs",
            "Predictions by column",
            "Predicted worst"
        ]
    );
    for part in [
        "<td>petal_length</td>",
        "Learning curve",
        "Confusion matrix",
        "Calibration curve",
        "Measured on 30 rows that the training of 120 rows did not see",
    ] {
        assert!(html.contains(part), "{part}");
    }
    // The line repeats the training.
    let line = html.split("<pre class=\"command\">palmnet ").nth(1).unwrap().split('\n').next().unwrap();
    let again = folder.run(&format!("{line} -o again --quiet"));
    again.ok();
    let bits = |file: &str| network_bits(palmnet::Model::load(folder.path(file)).unwrap().network());
    assert_eq!(bits("again"), bits("model.safetensors"));
    assert!(html.len() <= 150_000, "{}", html.len());
    // Of saved models too, and beside JSON.
    folder.run("eval model.safetensors iris.csv --json --report eval.html").ok();
    folder.run("eval model.safetensors iris.csv --header yes --missing drop --report eval.html").ok();
    let html = report(&folder, "eval.html");
    assert_eq!(headings(&html)[..3], ["Model", "Data", "Predictions"]);
    let words = ["palmnet eval model.safetensors iris.csv", "--header yes", "--missing drop"];
    assert!(words.iter().all(|part| html.contains(part)), "{html}");
}

/// Names of files and cells cannot become elements.
#[test]
fn report_of_values_with_gaps_and_strange_names() {
    let folder = Folder::new();
    let row = |i: usize| {
        let (city, area) = (["<b>Rom</b>", "a & b", "\"c\""][i % 3], i * 7 % 50);
        let rooms = if i.is_multiple_of(9) { String::new() } else { (i % 5).to_string() + ".5" };
        format!("{area},{rooms},\"{}\",2024-0{}-1{},{}", city.replace('"', "\"\""), 1 + i % 9, i % 7, 3 * area + i % 3)
    };
    let rows: Vec<String> = (0..120).map(row).collect();
    folder.write("houses.csv", format!("area,rooms,city,<i>day</i>,price\n{}\n", rows.join("\n")));
    folder.run("train houses.csv --fast --task regress --epochs 20 --quiet --report report.html").ok();
    let html = report(&folder, "report.html");
    assert!(headings(&html).contains(&"Columns that the model needs".to_string()));
    assert!(
        html.contains("&lt;b&gt;Rom&lt;/b&gt;") && html.contains("&lt;i&gt;day&lt;/i&gt;") && !html.contains("<i>day")
    );
    for part in ["price, predicted and true", "Residuals", "missing cells are filled in", "2024-01-10"] {
        assert!(html.contains(part), "{part}");
    }
}

#[test]
fn reports_of_a_search_and_of_images() {
    let folder = Folder::of_irises();
    folder.run("search iris.csv --fast --trials 3 --epochs 5 --quiet --report search.html").ok();
    let html = report(&folder, "search.html");
    let trials = html.split("Why this model").nth(1).unwrap().split("</table>").next().unwrap();
    assert_eq!((trials.matches("<tr>").count(), trials.matches("class=\"best\"").count()), (3, 1), "{trials}");
    if emulated() {
        return eprintln!("the report of images is not tested: it would take minutes");
    }
    folder.run("demo digits --quiet --report digits.html").ok();
    let html = report(&folder, "digits.html");
    assert!(html.contains(" misread, such as") && html.contains("href=\"data:image/png;base64,iVBORw0KGgo"));
    assert!(!html.contains("Columns that the model needs"), "single pixels say little");
}

#[test]
fn reports_replace_nothing_else() {
    let folder = Folder::of_irises();
    folder.write("index.html", "<!DOCTYPE html>\n<html><title>mine</title></html>");
    folder.run("train iris.csv --fast --report iris.csv").fails(2, &["iris.csv", "--report"]);
    folder
        .run("train iris.csv --fast --report index.html")
        .fails(1, &["index.html: exists and is not a report", "--report"]);
    folder.run("train iris.csv --fast --plot a --report a").fails(2, &["--report"]);
    folder.run("train iris.csv --fast --report -").fails(2, &["--report -"]);
    assert_eq!(folder.bytes("iris.csv"), IRIS.as_bytes());
    assert!(folder.bytes("index.html").ends_with(b"mine</title></html>"));
}
