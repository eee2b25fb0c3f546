//! Pictures of text, no wider than a phone's terminal.

use std::io::Write;

use palmnet::{Dataset, Matrix, Model};

/// The columns and rows of a map: characters are about twice as high as wide.
const MAP: (usize, usize) = (38, 17);
/// The characters from no ink to full ink.
const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];

/// Writes a map of the class that the model predicts at each point of the plane, over the range of the points of
/// `data`.
pub fn decision_map(model: &Model, data: &Dataset, out: &mut dyn Write) -> std::io::Result<()> {
    let points = data.to_matrix();
    let range = |column: usize| {
        let values = (0..points.rows()).map(|row| points[(row, column)]);
        let (low, high) =
            values.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        (low, high - low)
    };
    let ((x, width), (y, height)) = (range(0), range(1));
    let grid = Matrix::from_fn(MAP.0 * MAP.1, 2, |i, column| {
        let (right, down) = (i % MAP.0, i / MAP.0);
        match column {
            0 => x + width * (right as f32 + 0.5) / MAP.0 as f32,
            _ => y + height * (1.0 - (down as f32 + 0.5) / MAP.1 as f32),
        }
    });
    let first = data.class_names().first().map(String::as_str);
    let marks: Vec<char> =
        model.predict(&grid).iter_rows().map(|row| if model.class(row) == first { '·' } else { '█' }).collect();
    for line in marks.chunks(MAP.0) {
        writeln!(out, "{}", line.iter().collect::<String>())?;
    }
    Ok(())
}

/// Writes the number of misclassified digits, and pictures of two of them side by side.
pub fn misread_digits(model: &Model, test: &Dataset, out: &mut dyn Write) -> std::io::Result<()> {
    let (Ok(outputs), Some(labels)) = (model.predict_dataset(test), test.labels()) else { return Ok(()) };
    let names = test.class_names();
    let truth = |i: usize| names[labels[i] as usize].as_str();
    let wrong: Vec<usize> = (0..test.len()).filter(|&i| model.class(outputs.row(i)) != Some(truth(i))).collect();
    writeln!(out, "{} of {} misread{}", wrong.len(), test.len(), if wrong.is_empty() { "" } else { ", such as" })?;
    let mut pixels = Matrix::default();
    for pair in wrong[..wrong.len().min(2)].chunks(2) {
        test.gather(pair, &mut pixels);
        let pictures: Vec<Vec<String>> = pixels.iter_rows().map(picture).collect();
        let caption = |&i: &usize| format!("{} taken for {}", truth(i), model.class(outputs.row(i)).unwrap_or("?"));
        writeln!(out, "{}", side_by_side(&pair.iter().map(caption).collect::<Vec<_>>()))?;
        for line in 0..pictures[0].len() {
            let parts: Vec<String> = pictures.iter().map(|picture| picture[line].clone()).collect();
            writeln!(out, "{}", side_by_side(&parts))?;
        }
    }
    Ok(())
}

fn side_by_side(parts: &[String]) -> String {
    parts.iter().map(|part| format!("{part:<20}")).collect::<String>().trim_end().to_string()
}

/// Returns the lines of a square image, shrunk to fit if it is large; every pixel is two characters.
fn picture(pixels: &[f32]) -> Vec<String> {
    let side = pixels.len().isqrt();
    let step = side.div_ceil(9);
    let brightest = pixels.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let shade = |down: usize, right: usize| {
        let block = (down..side.min(down + step)).flat_map(|i| (right..side.min(right + step)).map(move |j| (i, j)));
        let values: Vec<f32> = block.map(|(i, j)| pixels[i * side + j]).collect();
        let mean = values.iter().sum::<f32>() / values.len() as f32 / brightest;
        SHADES[((mean * SHADES.len() as f32) as usize).min(SHADES.len() - 1)]
    };
    let line =
        |down: usize| (0..side).step_by(step).map(|right| shade(down, right)).flat_map(|c| [c, c]).collect::<String>();
    (0..side).step_by(step).map(line).collect()
}
