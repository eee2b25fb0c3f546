//! The speed at which a table of numbers is read: generated in memory, 100 MB, or the file that is named.
//!
//! `cargo run --release --example read [FILE]`

use std::time::Instant;

use palmnet::compute::Rng;
use palmnet::data::Missing;
use palmnet::{Dataset, Result, Table, Target};

fn main() -> Result<()> {
    let file = std::env::args().nth(1);
    let text = match &file {
        Some(file) => std::fs::read(file).map_err(|error| palmnet::Error::Setting(format!("{file}: {error}")))?,
        None => generated(100_000_000).into_bytes(),
    };
    let megabytes = text.len() as f64 / 1e6;
    let start = Instant::now();
    let table = Table::parse(text, file.as_deref().unwrap_or("generated"))?;
    let parsed = start.elapsed().as_secs_f64();
    let data = Dataset::from_table(table, Target::Last, Missing::Fill)?;
    let seconds = start.elapsed().as_secs_f64();
    let (rows, columns) = (data.len(), data.features().columns());
    println!("{rows} rows × {columns} features, {megabytes:.1} MB");
    println!("parsed in {parsed:.2} s, read in {seconds:.2} s: {:.0} MB/s on one core", megabytes / seconds);
    Ok(())
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
