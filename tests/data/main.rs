//! Tables, schemas, datasets, scaling, splits, imputation, IDX files, and generated data.

mod categories;
mod generated;
mod images;
mod labels;
mod misread;
mod missing;
mod parsing;
mod rows;
mod scaling;
mod schemas;
mod splits;
#[path = "../support/mod.rs"]
mod support;
mod tables;
mod threads;
mod twins;
mod unseen;

use palmnet::data::Schema;
use palmnet::{Dataset, Table, Target};

fn table(text: &str) -> Table {
    Table::parse(text, "a.csv").unwrap()
}

fn cells(table: &Table) -> Vec<Vec<String>> {
    (0..table.rows()).map(|row| table.cells(row).map(|cell| cell.into_owned()).collect()).collect()
}

fn load(text: &str, target: Target<'_>) -> palmnet::Result<Dataset> {
    let table = Table::parse(text, "a.csv")?;
    let schema = Schema::infer(&table, target)?;
    Dataset::from_table_as(&table, &schema)
}
