//! Prints how tables are read, a line of JSON for each: their cells, the columns that are inferred, and their numbers.
//!
//! `cargo run --release --example cells FILE...`; the last column is the target.

use palmnet::data::{Column, ColumnKind, Missing};
use palmnet::unversioned::Json;
use palmnet::{Dataset, Table, Target};

fn main() {
    for file in std::env::args().skip(1) {
        println!("{}", described(&file));
    }
}

fn described(file: &str) -> Json {
    let table = match Table::read(file) {
        Ok(table) => table,
        Err(error) => return Json::object([("error", text(error))]),
    };
    let header = table.header().map_or(Json::Null, |names| texts(names.iter()));
    let rows = (0..table.rows()).map(|row| texts(table.cells(row))).collect();
    let mut members = vec![("header", header), ("rows", Json::Array(rows))];
    let notes = texts(table.notes().iter());
    match Dataset::from_table(table, Target::Last, Missing::Fill) {
        Err(error) => members.extend([("notes", notes), ("refused", text(error))]),
        Ok(data) => {
            let columns = data.schema().columns().iter().map(column).collect();
            let features = data.to_matrix();
            let numbers = features.iter_rows().map(|x| Json::Array(x.iter().map(|&x| Json::from(x)).collect()));
            members.extend([
                ("columns", Json::Array(columns)),
                ("features", Json::Array(numbers.collect())),
                ("notes", texts(data.notes().iter())),
                ("classes", texts(data.class_names().iter())),
            ]);
        }
    }
    Json::object(members)
}

fn column(column: &Column) -> Json {
    let (kind, origin) = match &column.kind {
        ColumnKind::Number(form) => ("number", form.origin),
        ColumnKind::Time(form) => ("time", form.origin),
        ColumnKind::Categories(_) => ("text", 0.0),
        _ => ("other", 0.0),
    };
    let categories = match &column.kind {
        ColumnKind::Categories(categories) => texts(categories.iter()),
        _ => Json::Null,
    };
    Json::object([
        ("name", text(&column.name)),
        ("kind", text(kind)),
        ("origin", Json::Number(origin)),
        ("width", Json::from(column.width())),
        ("categories", categories),
    ])
}

fn text(text: impl ToString) -> Json {
    Json::String(text.to_string())
}

fn texts(all: impl Iterator<Item = impl ToString>) -> Json {
    Json::Array(all.map(text).collect())
}
