//! The code of models, compiled and compared with the models themselves.

use palmnet::compute::Isa;
use palmnet::data::{Column, ColumnKind, TargetSchema, TimeForm};
use palmnet::export::{Language, c_source, rust_source};
use palmnet::{Model, Table};

use super::*;

/// A compiler, with the options of the strictest build that must have no warnings.
const COMPILERS: [(&str, Language, &[&str]); 5] = [
    ("gcc", Language::C, &["-x", "c", "-std=c99", "-O2"]),
    ("g++", Language::C, &["-x", "c++", "-std=c++11", "-O1"]),
    ("clang", Language::C, &["-x", "c", "-std=c99", "-O2"]),
    ("clang++", Language::C, &["-x", "c++", "-std=c++11", "-Os"]),
    ("rustc", Language::Rust, &["--edition", "2021", "-O", "-D", "warnings"]),
];
const STRICT: [&str; 5] = ["-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror"];

/// A model, and rows of cells for its columns.
pub struct Case {
    name: &'static str,
    model: Model,
    rows: Vec<Vec<String>>,
}

impl Case {
    /// The columns of a table that the model takes, in its order, and more rows.
    pub fn new(name: &'static str, model: Model, csv: &str, more: &[&str]) -> Case {
        let mut lines = csv.lines();
        let header: Vec<&str> = lines.next().unwrap().split(',').collect();
        let schema = model.schema();
        let of_row = |line: &str| -> Vec<String> {
            let cells: Vec<&str> = line.split(',').collect();
            let cell = |column: &Column| match header.iter().position(|name| *name == column.name) {
                Some(index) => cells[index].to_string(),
                None => panic!("{name}: no column {}", column.name),
            };
            schema.columns().iter().map(cell).collect()
        };
        let more = more.iter().map(|line| line.split(',').map(str::to_string).collect());
        let rows = lines.map(of_row).chain(more).collect();
        Case { name, model: model.folded(), rows }
    }

    /// The predictions of `palmnet predict` for the rows; nothing for one that it refuses.
    fn expected(&self) -> Vec<Option<(String, Vec<f64>)>> {
        let schema = self.model.schema();
        let names: Vec<&str> = schema.columns().iter().map(|column| column.name.as_str()).collect();
        let mut text = names.join(";") + "\n";
        self.rows.iter().for_each(|row| text += &(row.join(";") + "\n"));
        let mut reading = schema.reading();
        (reading.separator, reading.header) = (Some(';'), Some(true));
        let table = Table::parse_with(text, "rows", &reading).unwrap();
        let found = self.model.predict_rows(&table).unwrap();
        let failed: Vec<usize> = found.failures.iter().map(|(row, _)| *row).collect();
        let row = |(index, outputs): (usize, &[f32])| {
            let is_finite = outputs.iter().all(|x| x.is_finite());
            (is_finite && !failed.contains(&index)).then(|| {
                let labels = match schema.target() {
                    TargetSchema::Classes { .. } => self.model.class(outputs).unwrap().to_string(),
                    TargetSchema::Labels { .. } => self.model.labels(outputs).unwrap().join(" "),
                    TargetSchema::Values { .. } => String::new(),
                };
                let value = |(target, &x): (usize, &f32)| match schema.target() {
                    TargetSchema::Values { .. } => schema.target_value(target, x),
                    _ => x.into(),
                };
                (labels, outputs.iter().enumerate().map(value).collect())
            })
        };
        found.outputs.iter_rows().enumerate().map(row).collect()
    }

    fn has_origins(&self) -> bool {
        self.model.schema().target_forms().iter().any(|form| form.origin != 0.0)
    }
}

/// A number of a cell that people wrote, as C and Rust have it.
fn number_literal(cell: &str, end: &str, missing: &str) -> String {
    let digits: String = cell.chars().filter(|c| c.is_ascii_digit() || "+-.e".contains(*c)).collect();
    match digits.parse::<f64>() {
        _ if cell.starts_with("0x") => format!("{}.0{end}", i64::from_str_radix(&cell[2..], 16).unwrap()),
        Ok(_) if digits.contains(['.', 'e']) => digits + end,
        Ok(_) => digits + ".0" + end,
        Err(_) => missing.to_string(),
    }
}

/// The numbers of a date or a time as this test writes them: `2024-05-31 23:59:59+02:00`.
fn time_parts(cell: &str, form: &TimeForm) -> [String; 7] {
    let (cell, zone) = match cell.len() {
        25 => (
            &cell[..19],
            (if &cell[19..20] == "-" { -60 } else { 60 })
                * (cell[20..22].parse::<i64>().unwrap() * 60 + cell[23..].parse::<i64>().unwrap()),
        ),
        _ => (cell.trim_end_matches("UTC"), 0),
    };
    let numbers: Vec<&str> = cell.split(['-', ' ', 'T', ':']).collect();
    let mut parts = ["0"; 6];
    let start = if form.date { 0 } else { 3 };
    match cell {
        "" => parts[3] = "-1",
        _ => numbers.iter().enumerate().for_each(|(i, number)| parts[start + i] = number),
    }
    let plain = |text: &str| {
        let rest = text.trim_start_matches('0');
        if rest.is_empty() { "0".to_string() } else { rest.to_string() }
    };
    let [year, month, day, hour, minute, second] = parts.map(plain);
    let second = if second.contains('.') { second } else { second + ".0" };
    [year, month, day, hour, minute, second, zone.to_string()]
}

/// The cells of a row as the members of a structure.
fn members(case: &Case, row: &[String], language: Language) -> Vec<String> {
    let is_c = language == Language::C;
    let member = |(column, cell): (&Column, &String)| match &column.kind {
        ColumnKind::Number(form) if form.origin != 0.0 => {
            number_literal(cell, "", if is_c { "(double)NAN" } else { "f64::NAN" })
        }
        ColumnKind::Number(_) if is_c => number_literal(cell, "f", "NAN"),
        ColumnKind::Number(_) => number_literal(cell, "", "f32::NAN"),
        ColumnKind::Time(form) => {
            let [year, month, day, hour, minute, second, zone] = time_parts(cell, form);
            match is_c {
                true => format!("{{{year}, {month}, {day}, {hour}, {minute}, {second}, {zone}}}"),
                false => format!(
                    "code::Time {{ year: {year}, month: {month}, day: {day}, hour: {hour}, minute: {minute}, second: {second}, \
                     zone: {zone} }}"
                ),
            }
        }
        ColumnKind::Categories(_) if is_c && cell.is_empty() => "NULL".into(),
        ColumnKind::Categories(_) if is_c => {
            let bytes: String = cell.bytes().map(|byte| format!("\\{byte:03o}")).collect();
            format!("\"{bytes}\"")
        }
        _ => format!("{cell:?}"),
    };
    case.model.schema().columns().iter().zip(row).map(member).collect()
}

/// A program that prints a line for each row: the labels, then the outputs.
fn program_of(case: &Case, language: Language) -> String {
    let (target, count) = (case.model.schema().target(), case.model.network().outputs());
    let rows = case.rows.iter().map(|row| members(case, row, language));
    if language == Language::C {
        let rows: Vec<String> = rows.map(|row| format!("  {{{}}}", row.join(", "))).collect();
        let label = match target {
            TargetSchema::Classes { .. } => "printf(\"%d \", code_label(&rows[i]));".to_string(),
            TargetSchema::Labels { .. } => format!(
                "{{ int labels[{count}]; code_labels(&rows[i], labels); for (j = 0; j < {count}; j++) printf(\"%d \", labels[j]); }}"
            ),
            TargetSchema::Values { .. } => String::new(),
        };
        let number = if case.has_origins() { "double" } else { "float" };
        return format!(
            "#include <math.h>\n#include <stdio.h>\n#include \"code.h\"\n\
             static const struct code_input rows[{}] = {{\n{}\n}};\n\
             int main(void) {{\n  int i, j;\n  for (i = 0; i < {}; i++) {{\n    {number} z[{count}];\n    {label}\n    \
             code_predict(&rows[i], z);\n    for (j = 0; j < {count}; j++) printf(\"%.17g \", (double)z[j]);\n    \
             printf(\"\\n\");\n  }}\n  return 0;\n}}\n",
            rows.len(),
            rows.join(",\n"),
            rows.len()
        );
    }
    let code = rust_source(&case.model, "code").unwrap();
    let fields: Vec<&str> = code
        .split_once("pub struct Input")
        .unwrap()
        .1
        .lines()
        .skip(1)
        .take_while(|line| *line != "}")
        .map(|line| line.trim().strip_prefix("pub ").unwrap().split(':').next().unwrap())
        .collect();
    let row = |row: Vec<String>| {
        let members: Vec<String> = fields.iter().zip(row).map(|(field, cell)| format!("{field}: {cell}")).collect();
        format!("  code::Input {{ {} }}", members.join(", "))
    };
    let rows: Vec<String> = rows.map(row).collect();
    let label = match target {
        TargetSchema::Classes { .. } => "print!(\"{} \", code::label(row).map_or(-1, |class| class as i32));",
        TargetSchema::Labels { .. } => "code::labels(row).iter().for_each(|label| print!(\"{label} \"));",
        TargetSchema::Values { .. } => "",
    };
    format!(
        "fn main() {{\n  let rows = [\n{}\n  ];\n  for row in &rows {{\n    {label}\n    \
         code::predict(row).iter().for_each(|x| print!(\"{{}} \", f64::from(*x)));\n    println!();\n  }}\n}}\n",
        rows.join(",\n")
    )
}

/// Compiles and runs the code of a case; nothing if there is no such compiler.
fn output_of(folder: &Folder, case: &Case, compiler: usize) -> Option<String> {
    let (name, language, options) = COMPILERS[compiler];
    if Command::new(name).arg("--version").output().is_err() {
        eprintln!("not tested: {name} is absent");
        return None;
    }
    let main = program_of(case, language);
    let (file, mut command) = (folder.path("program"), Command::new(name));
    command.current_dir(&folder.0);
    if language == Language::C {
        folder.write("code.h", c_source(&case.model, "code").unwrap());
        folder.write("main.c", main);
        command.args(options).args(STRICT).args(["main.c", "-o"]).arg(&file);
    } else {
        folder.write("code.rs", rust_source(&case.model, "code").unwrap());
        folder.write("main.rs", main);
        let library =
            Command::new(name).current_dir(&folder.0).args(options).args(["--crate-type", "rlib", "code.rs"]).output();
        let library = library.unwrap();
        assert!(library.status.success(), "{}: {}", case.name, String::from_utf8_lossy(&library.stderr));
        command.args(options).args(["--extern", "code=libcode.rlib", "main.rs", "-o"]).arg(&file);
    }
    let built = command.output().unwrap();
    assert!(built.status.success(), "{}, {name}: {}", case.name, String::from_utf8_lossy(&built.stderr));
    let run = Command::new(&file).output().unwrap();
    assert!(run.status.success(), "{}, {name}: {run:?}", case.name);
    Some(String::from_utf8(run.stdout).unwrap())
}

/// The largest relative difference that rounding makes: none to speak of from products that are rounded once.
fn tolerance() -> f64 {
    match Isa::current() {
        Ok(Isa::Sse2 | Isa::Portable) => 1e-3,
        _ => 1e-6,
    }
}

/// An ONNX file holds the whole model, as the layers were joined for it.
fn check_onnx(case: &Case) {
    let file = palmnet::export::onnx(&case.model).unwrap();
    let found = palmnet::import::onnx(&file, "model.onnx", &palmnet::import::Options::default()).unwrap();
    assert!(found.to_bytes() == case.model.clone().folded().to_bytes(), "{}: another model file", case.name);
}

/// Compares the code of a case, by every compiler that there is, with the model.
pub fn check(case: &Case) {
    let folder = Folder::new();
    let expected = case.expected();
    assert!(expected.iter().flatten().count() > 1, "{}", case.name);
    check_onnx(case);
    if emulated() {
        eprintln!("not tested: compilers of another processor");
        return;
    }
    for (compiler, (name, ..)) in COMPILERS.iter().enumerate() {
        let Some(output) = output_of(&folder, case, compiler) else { continue };
        let place = |row: usize| format!("{}, {}, {:?}", case.name, name, case.rows[row]);
        assert_eq!(output.lines().count(), expected.len());
        for (row, (line, expected)) in output.lines().zip(&expected).enumerate() {
            let numbers: Vec<f64> = line.split_whitespace().map(|word| word.to_lowercase().parse().unwrap()).collect();
            let (labels, outputs) = numbers.split_at(numbers.len() - case.model.network().outputs());
            let Some((names, expected)) = expected else {
                let is_unfit = labels.contains(&-1.0) || outputs.iter().any(|x| !x.is_finite());
                assert!(is_unfit, "{}: {line} for a row that is refused", place(row));
                continue;
            };
            let name = |(label, &class): (usize, &f64)| match case.model.schema().target() {
                TargetSchema::Labels { classes, .. } => classes[label][class as usize].clone(),
                TargetSchema::Classes { classes, .. } => classes[class as usize].clone(),
                TargetSchema::Values { .. } => String::new(),
            };
            assert_eq!(labels.iter().enumerate().map(name).collect::<Vec<_>>().join(" "), *names, "{}", place(row));
            for (x, y) in outputs.iter().zip(expected) {
                assert!((x - y).abs() <= tolerance() * y.abs() + 1e-44, "{}: {x} for {y}", place(row));
            }
        }
    }
}
