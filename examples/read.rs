//! The speed at which a table becomes a dataset: of numbers that are generated, 100 MB, or of the file that is named.
//!
//! `cargo run --release --example read [FILE]`
//!
//! `tests/reading.py` compares it with pandas.

use std::time::Instant;

use palmnet::compute::{Rng, set_threads, threads};
use palmnet::data::Missing;
use palmnet::{Dataset, Error, Result, Table, Target};

/// The median of so many readings is shown.
const TIMES: usize = 5;

fn main() -> Result<()> {
    let file = std::env::args().nth(1);
    let generated = if file.is_none() { generated(100_000_000) } else { String::new() };
    let all = threads();
    let mut digests = Vec::new();
    for threads in if all > 1 { vec![1, all] } else { vec![1] } {
        set_threads(threads);
        let (mut parsed, mut total) = (Vec::new(), Vec::new());
        for time in 0..TIMES {
            let copy = generated.clone();
            let start = Instant::now();
            let (table, megabytes) = match &file {
                Some(file) => (Table::read(file)?, megabytes(file)?),
                None => (Table::parse(copy, "generated")?, generated.len() as f64 / 1e6),
            };
            parsed.push(megabytes / start.elapsed().as_secs_f64());
            let data = Dataset::from_table(table, Target::Last, Missing::Fill)?;
            total.push(megabytes / start.elapsed().as_secs_f64());
            if time == 0 {
                if digests.is_empty() {
                    let (rows, columns) = (data.len(), data.features().columns());
                    println!("{rows} rows × {columns} features, {megabytes:.1} MB");
                }
                digests.push(data.digest());
            }
        }
        let (parsed, total) = (median(parsed), median(total));
        println!("{threads} threads: lines and header at {parsed:.0} MB/s, all at {total:.0} MB/s");
    }
    assert!(digests.windows(2).all(|two| two[0] == two[1]), "the number of threads changed the data");
    Ok(())
}

fn megabytes(file: &str) -> Result<f64> {
    let metadata = std::fs::metadata(file).map_err(|error| Error::Setting(format!("{file}: {error}")))?;
    Ok(metadata.len() as f64 / 1e6)
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Ten columns of numbers with four decimals.
fn generated(bytes: usize) -> String {
    let mut rng = Rng::new(1);
    let mut text = String::with_capacity(bytes + 200);
    text.push_str("a,b,c,d,e,f,g,h,i,y\n");
    while text.len() < bytes {
        for column in 0..10 {
            let separator = if column == 9 { '\n' } else { ',' };
            text += &format!("{:.4}{separator}", rng.normal() * 10.0);
        }
    }
    text
}
