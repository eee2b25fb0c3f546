//! Reading of CSV text into tables.

use palmnet::{Table, Target};

use super::{cells, load, table};
use crate::support::says;

#[test]
fn csv_dialects() {
    let expected = [["1", "red"], ["-2.5", "blue"]];
    for text in [
        "x,color\n1,red\n-2.5,blue\n",
        "x,color\n1,red\n-2.5,blue",
        "x\tcolor\r\n1\tred\r\n-2.5\tblue\r\n",
        "x;color\r1;red\r-2.5;blue\r",
        "\u{FEFF}x,color\n\n1, red \n   \n -2.5 ,\"blue\"\n\n",
        "\"x\" , \"color\"\n\"1\",\"red\"\n\"-2.5\",blue\n",
    ] {
        let table = table(text);
        assert_eq!(table.header().unwrap(), ["x", "color"], "{text:?}");
        assert_eq!(cells(&table), expected, "{text:?}");
    }
    let table = table("name,text\nq,\"a \"\"b\"\", c\r\nd\"\nr,5\" pipe\n");
    assert_eq!(cells(&table), [["q", "a \"b\", c\r\nd"], ["r", "5\" pipe"]]);
    assert_eq!((table.line(0), table.line(1)), (2, 4));
}

#[test]
fn header_detection() {
    assert!(table("a,b\nc,d\n").header().is_some());
    assert!(table("a,1\nb,2\n").header().is_none());
    assert!(table("a,\nb,c\n").header().is_none());
    let numbers = table("1,2\n");
    assert_eq!((numbers.rows(), numbers.columns(), numbers.column_name(1)), (1, 2, "2".to_string()));
}

#[test]
fn separator_is_the_most_frequent_of_the_first_record() {
    assert_eq!(cells(&table("1,5;2,5\n3;4\n")), [["1,5", "2,5"], ["3", "4"]]);
    assert_eq!(cells(&table("\"a;b;c\",1\nd,2\n"))[0], ["a;b;c", "1"]);
    assert_eq!(cells(&table("1,2,3\n"))[0], ["1", "2", "3"]);
    assert_eq!(cells(&table("a;b\tc\td\n1\t2\t3\n"))[0], ["1", "2", "3"]);
    assert_eq!(cells(&table("1\n2\n")), [["1"], ["2"]]);
}

#[test]
fn malformed_tables_are_errors() {
    let parse = |bytes: &[u8]| Table::parse(bytes, "a.csv");
    says(parse(b"a,b\n1,2\n\n3\n"), &["a.csv, line 4: 1 cell, but line 1 has 2", "fill the line up"]);
    says(parse(b"a\tb\n1\t2\t3\n"), &["a.csv, line 2: 3 cells", "tab", "quotes", "--separator"]);
    says(parse(b"a,b\n1,\"2\n3,4\n"), &["a.csv, line 2: a double quote opens here and never ends"]);
    says(parse(b"a,b\n1,\"2\n\"3,4\n"), &["a.csv, line 3: a cell continues after its closing double quote"]);
    says(parse(b"a,b\n1,\xE9\n"), &["a.csv, line 2: is not UTF-8", "iconv"]);
    says(parse(b"\xFF\xFEa\0,\0b\0"), &["a.csv: is UTF-16", "iconv -f UTF-16 -t UTF-8 a.csv"]);
    says(parse(b"a\0,\0b\0"), &["is UTF-16"]);
    for empty in ["", "\n\n", " \r\n ", "\u{FEFF}"] {
        says(parse(empty.as_bytes()), &["a.csv: is empty"]);
    }
    says(parse(b"a,b\n\n"), &["a.csv: has a header but no rows"]);
    says(parse(b"a,b,a\n1,2,3\n"), &["a.csv, line 1: two columns are called `a`"]);
    says(parse(b"\x1F\x8B\x08\0"), &["a.csv: is compressed", "gunzip -k a.csv"]);
    says(Table::parse(*b"\x1F\x8B\x08\0", "b.csv.gz"), &["unpack it first with `gunzip -k b.csv.gz`"]);
    says(Table::read("no/such.csv"), &["no/such.csv: "]);
    says(Table::read("tests"), &["tests: "]);
}

#[test]
fn table_from_rows_needs_no_quotes() {
    let odd = ["a,b", "say \"x\"", "two\nlines", " spaced ", "", "\"", "1;5\t"];
    let header = ["p", "q", "r", "s", "t", "u", "v"];
    let table = Table::from_rows(&header, [odd, odd]).unwrap();
    assert_eq!((table.header().unwrap(), table.rows(), table.columns()), (&header.map(String::from)[..], 2, 7));
    assert_eq!(cells(&table), [odd, odd].map(Vec::from));
    // The schema of a file reads it, columns in another order.
    let data = load("age,city,y\n30,Bonn,1\n40,Trier,2\n50,Bonn,3\n", Target::Last).unwrap();
    let row = |age: &str, city: &str| Table::from_rows(&["city", "age"], [[city, age]]).unwrap();
    assert_eq!(data.schema().features(&row("41", "Trier")).unwrap().as_slice(), [41.0, 0.0, 1.0]);
    says(data.schema().features(&row("old", "Bonn")), &["rows, line 1, column age", "`old` is not a number"]);
    assert_eq!(data.schema().features(&row("41", "Rome")).unwrap().as_slice(), [41.0, 0.0, 0.0]);
    says(Table::from_rows(&["a", "b"], [vec!["1", "2"], vec!["1"]]), &["rows, line 2", "1 cells", "has 2"]);
    says(Table::from_rows(&["a", "a"], [["1", "2"]]), &["two columns are called `a`"]);
    says(Table::from_rows(&["a"], [[""; 1]; 0]), &["1 columns and 0 rows"]);
    says(Table::from_rows(&[""; 0], [[""; 0]]), &["0 columns and 1 rows"]);
}
