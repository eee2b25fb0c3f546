//! Tables as spreadsheets, statistics packages and people write them, each with what its cells say by themselves.

use palmnet::data::{Missing, Reading};
use palmnet::{Dataset, Table, Target};

use crate::support::says;

/// The lines under a header that a function makes of an index.
fn lines(header: &str, rows: usize, line: impl Fn(usize) -> String) -> String {
    header.to_string() + "\n" + &(0..rows).map(|row| line(row) + "\n").collect::<String>()
}

fn read(text: &str) -> palmnet::Result<Dataset> {
    Dataset::from_table(Table::parse(text, "a.csv")?, Target::Last, Missing::default())
}

/// A column of numbers, between others that are only there.
fn column(cells: &[&str]) -> palmnet::Result<Dataset> {
    read(&lines("x;other;y", cells.len(), |row| format!("\"{}\";{row}.5;{row}.25", cells[row].replace('"', "\"\""))))
}

/// The values of the inputs that the column `x` becomes.
fn inputs(data: &Dataset) -> Vec<Vec<f32>> {
    let width = data.schema().width() - 1;
    data.to_matrix().iter_rows().map(|row| row[..width].to_vec()).collect()
}

fn has_note(data: &Dataset, part: &str) {
    assert!(data.notes().iter().any(|note| note.contains(part)), "{:?} lacks {part}", data.notes());
}

/// A number below 1000 that looks like chance.
fn noise(row: usize, salt: usize) -> usize {
    (row * 7919 + salt * 104_729 + 13) * 31 % 997
}

#[test]
fn years_above_numbers_of_their_size_are_a_header() {
    let values = |row: usize| format!("{},{},{}", 1500 + noise(row, 1), 1400 + noise(row, 2), 1600 + noise(row, 3));
    for (header, prefix) in [("1990,1995,2000", ""), ("land,1990,1995,2000", "a")] {
        let text = lines(header, 40, |row| match prefix {
            "" => values(row),
            prefix => format!("{prefix}{row},{}", values(row)),
        });
        let data = read(&text).unwrap();
        assert_eq!((data.len(), data.schema().target().names()), (40, &["2000".to_string()][..]), "{header}");
        has_note(&data, "line 1 is read as a header");
    }
    // Two years, and months.
    let states = lines("state,2010,2020", 40, |row| format!("S{row},{},{}", 900 + noise(row, 1), 1300 + noise(row, 2)));
    let months = lines("store,1,2,3,4,5,6", 40, |row| {
        format!("{},{}", row % 7, [1, 2, 3, 4, 5, 6].map(|salt| (noise(row, salt) % 50).to_string()).join(","))
    });
    for text in [states, months] {
        let data = read(&text).unwrap();
        assert_eq!(data.len(), 40, "{text}");
        has_note(&data, "line 1 is read as a header");
    }
    // Rows that all count up are a series, the first like the others.
    let series = lines("1990,1991,1992", 40, |row| format!("{},{},{}", 1991 + row, 1992 + row, 1993 + row));
    assert_eq!(read(&series).unwrap().len(), 41);
}

#[test]
fn a_comma_in_a_cell_makes_no_names_of_rows() {
    for cell in ["“x, y”", "'x, y'", "1,234"] {
        let text = lines("a,b,y", 20, |row| format!("0.{},{cell},{}", noise(row, 1), row % 2));
        says(read(&text), &["line 2: 4 cells, but line 1 has 3: a cell that holds a comma"]);
    }
    let named = lines("a,b,y", 20, |row| format!("row {row},0.{},{row},{}", noise(row, 1), row % 2));
    has_note(&read(&named).unwrap(), "holds the names of the rows");
}

#[test]
fn a_title_is_called_one() {
    let table = |title: &str| format!("{title}\n{}", lines("a,b,y", 20, |row| format!("{row},0.5,{}", row % 2)));
    says(read(&table("Sales 2024")), &["if that line is a title, remove it"]);
    says(read(&table("Sales 2024,,")), &["line 1: `Sales 2024` stands alone, as a title does: remove the line"]);
}

#[test]
fn blanks_separate_numbers() {
    let number = |row: usize| (format!("{}.25", noise(row, 1)), format!("0.{}", noise(row, 2)));
    let plain = lines("a,b,y", 30, |row| format!("{},{},{}", number(row).0, number(row).1, row % 2));
    let expected = read(&plain).unwrap();
    // Fixed width, R with names of rows, tabs and spaces, and the header of NumPy.
    let fixed = lines("    a     b  y", 30, |row| format!("{:>9}  {:<8} {} ", number(row).0, number(row).1, row % 2));
    let r =
        lines("\"a\" \"b\" \"y\"", 30, |row| format!("\"row {row}\" {} {} {}", number(row).0, number(row).1, row % 2));
    let tabs = lines("a \tb\ty", 30, |row| format!("{}\t  {} \t{}", number(row).0, number(row).1, row % 2));
    let numpy = lines("# a b y", 30, |row| format!("{} {} {}", number(row).0, number(row).1, row % 2));
    for text in [fixed, r, tabs, numpy] {
        let data = read(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!((data.to_matrix(), data.labels()), (expected.to_matrix(), expected.labels()), "{text}");
        assert_eq!(data.schema().input_names(), ["a", "b"], "{text}");
        if !text.contains('\t') {
            has_note(&data, "blanks separate the cells");
        }
    }
    // Cells of texts are split when the user says so, and one number or date is one cell.
    let mut reading = Reading::default();
    reading.separator = Some(' ');
    let words = lines("word y", 9, |row| format!("\"a b\"  {}", row % 2));
    let table = Table::parse_with(words, "a.csv", &reading).unwrap();
    assert_eq!(table.cells(1).collect::<Vec<_>>(), ["a b", "1"]);
    for cell in ["12 kg", "1 234", "2024-05-31 12:30", "New York"] {
        assert_eq!(Table::parse(lines("x", 9, |_| cell.into()), "a.csv").unwrap().columns(), 1, "{cell}");
    }
    reading.separator = Some(';');
    let table = Table::parse_with("a,b\n1,2\n", "a.csv", &reading).unwrap();
    says(Dataset::from_table(table, Target::Last, Missing::Error), &["separator that was named, ';', is not in"]);
}

#[test]
fn a_sign_or_a_space_inside_a_number_is_noted() {
    let cases: [(&[&str], &[f32], &str); 5] = [
        (&["$(12)", "$3", "$4"], &[-12.0, 3.0, 4.0], "numbers with `$`, `$(12)` as -12"),
        (&["723-", "21", "5-"], &[-723.0, 21.0, -5.0], "numbers, `723-` as -723"),
        (&["(12)", "3", "4"], &[-12.0, 3.0, 4.0], "numbers, `(12)` as -12"),
        (&["- 22766", "1", "2"], &[-22766.0, 1.0, 2.0], "numbers, `- 22766` as -22766"),
        (&["8.45 e+03", "1", "2"], &[8450.0, 1.0, 2.0], "numbers, `8.45 e+03` as 8450"),
    ];
    for (cells, expected, note) in cases {
        let data = column(cells).unwrap();
        assert_eq!(inputs(&data).concat(), expected, "{cells:?}");
        has_note(&data, note);
    }
    let plain = column(&["1.5", "-2", "3.5e2"]).unwrap();
    assert!(plain.notes().iter().all(|note| !note.contains("`x`")), "{:?}", plain.notes());
}

#[test]
fn dates_of_spreadsheets_and_mails_are_read() {
    // Year, month, weekday (0 is Monday) of the first cell, from a calendar.
    let cases: [(&[&str], [f32; 3]); 6] = [
        (&["19-Mar-13", "04-Feb-12"], [2013.0, 3.0, 1.0]),
        (&["Mar-11", "Jan-99"], [2011.0, 3.0, 1.0]),
        (&["March 2011", "Jan 2002"], [2011.0, 3.0, 1.0]),
        (&["31.12.24", "01.02.23"], [2024.0, 12.0, 1.0]),
        (&["Tue, 26 Jan 2021 10:00:00 GMT", "Wed, 27 Jan 2021 11:00:00 GMT"], [2021.0, 1.0, 1.0]),
        (&["Friday 31 May 2024", "Sat 1 Jun 2024"], [2024.0, 5.0, 4.0]),
    ];
    for (cells, expected) in cases {
        let data = column(cells).unwrap();
        assert_eq!(inputs(&data)[0][..3], expected, "{cells:?}");
        has_note(&data, "is read as dates");
    }
    assert_eq!(inputs(&column(&["9:03 a.m.", "12:15 p.m.", "8:18 p.m."]).unwrap())[2], [20.0, 73_080.0]);
}

#[test]
fn durations_are_numbers() {
    let data = column(&["25:00:00", "100:12:30", "7:05:00"]).unwrap();
    assert_eq!(inputs(&data), [[25.0, 90_000.0], [100.0, 360_750.0], [7.0, 25_500.0]]);
    has_note(&data, "`x` is read as durations, which become hour, seconds");
    has_note(&column(&["23:00", "7:05"]).unwrap(), "read as times of day");
}

#[test]
fn a_date_that_is_none_is_not_passed_over() {
    for stray in ["0000-00-00", "2024-02-30", "31/12/2023", "unknown"] {
        let cells: Vec<String> = (1..29).map(|day| format!("2024-02-{day:02}")).collect();
        let mut cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        cells[9] = stray;
        has_note(&column(&cells).unwrap(), &format!("its cell `{stray}` is none in the form of the others"));
    }
}

#[test]
fn errors_of_spreadsheets_are_missing_cells() {
    let data = column(&["1.5", "#DIV/0!", "#VALUE!", "2", "#N/A"]).unwrap();
    let missing: Vec<bool> = inputs(&data).iter().map(|x| x[0].is_nan()).collect();
    assert_eq!(missing, [false, true, true, false, true]);
    has_note(&data, "missing cells are filled in: 3 of `x`");
    says(column(&["2e1", "1e40", "3e5"]), &["--categories x if the column holds codes"]);
}

#[test]
fn cells_unlike_those_of_training_are_errors_or_noted() {
    let train = |cells: [&str; 8]| {
        let rows = cells.iter().zip(0..).map(|(cell, y)| format!("{cell};{y}.5\n"));
        let text = format!("a;y\n;7.5\n{}", rows.collect::<String>());
        Dataset::from_table(Table::parse(text, "a.csv").unwrap(), Target::Last, Missing::Fill).unwrap()
    };
    let read = |data: &Dataset, cell: &str| {
        let reading = data.schema().reading();
        let table = Table::parse_with(format!("a\n{cell}\n"), "b.csv", &reading).unwrap();
        data.schema().read_rows(&table).unwrap()
    };
    // Where cells may be missing, a number in another form is none: it is an error.
    let percent = train(["1%", "2%", "3%", "4%", "5%", "6%", "7%", "8%"]);
    let comma = train(["1,25", "2,5", "3,75", "4,5", "5,5", "6,5", "7,5", "8,5"]);
    let dates = train([
        "2020-01-02",
        "2020-01-03",
        "2020-02-02",
        "2020-02-05",
        "2020-03-02",
        "2020-03-09",
        "2020-04-02",
        "2020-05-02",
    ]);
    for (data, cell, form) in [
        (&percent, "90", "numbers with `%`"),
        (&percent, "0.9", "numbers with `%`"),
        (&comma, "90.5", "numbers with decimal commas"),
        (&dates, "25", "dates"),
        (&dates, "20200125", "dates"),
    ] {
        let found = read(data, cell);
        let error = found.failures[0].1.to_string();
        assert!(
            error.contains(&format!("`{cell}` is not written as in training, where this column held {form}")),
            "{error}"
        );
    }
    // A plain column understands a minus behind a number, and says so.
    let plain = train(["1", "2", "3", "4", "5", "6", "7", "8"]);
    let found = read(&plain, "5-");
    assert_eq!((found.features.to_matrix().as_slice()[0], found.failures.len()), (-5.0, 0));
    assert_eq!(found.notes, ["the column `a` is read as numbers, `5-` as -5"]);
    assert!(read(&plain, "-5").notes.is_empty());
    // So does a plain target.
    let table = Table::parse_with("a;y\n1;2-\n2;3\n", "c.csv", &plain.schema().reading()).unwrap();
    let test = Dataset::from_table_as(&table, plain.schema()).unwrap();
    assert_eq!(test.notes(), ["the column `y` is read as numbers, `2-` as -2"]);
}

#[test]
fn inches_are_no_quotes_in_a_table_of_blanks() {
    let lines: String = (0..40).map(|i| format!("{i}\" {}\" 2 3 0.{i}\n", i * 7 % 13)).collect();
    let table = Table::parse(lines, "a.txt").unwrap();
    assert_eq!(table.columns(), 5);
    assert_eq!(table.cells(1).take(2).collect::<Vec<_>>(), ["1\"", "7\""]);
}

#[test]
fn dates_without_hyphens_are_hinted_at() {
    let dates = ["20240131", "20240229", "20231201", "20240105", "20240106", "20240310"];
    assert!(
        column(&dates).unwrap().notes().iter().any(|note| note.contains("`x`") && note.contains("look like dates"))
    );
    let others = ["20241331", "20240229", "20231201", "20240105", "20240106", "20240310"];
    assert!(!column(&others).unwrap().notes().iter().any(|note| note.contains("look like dates")));
}

#[test]
fn blank_lines_between_records_are_noted() {
    let notes = |text: &str| Table::parse(text, "a.csv").unwrap().notes().to_vec();
    assert_eq!(notes("a\n1.5\n\n2.5\n \n\n0.5\n"), ["3 lines between others that are blank are left out"]);
    assert!(notes("\na\n1.5\n2.5\n\n\n").is_empty());
}

#[test]
fn dates_in_different_forms_are_noted() {
    let cells = ["2020-01-02", "03.01.2020", "2020-01-04", "05.01.2020", "2020-01-02", "03.01.2020"];
    assert!(
        column(&cells).unwrap().notes().iter().any(|note| note.contains("`x` has dates or times in different forms"))
    );
}
