//! IDX, the format in which MNIST and its relatives come (LeCun, Cortes, Burges, 1998).

use std::path::{Path, PathBuf};

use super::compressed;
use super::dataset::Dataset;
use super::features::Features;
use super::memory::too_large;
use super::schema::{Schema, TargetSchema};
use super::targets::Targets;
use crate::base::error::{Error, Result};
use crate::base::memory::is_available;
use crate::base::text::listed;

/// The most pixels of an image. A damaged header may declare the whole file one image, and each pixel gets a name.
const MOST_PIXELS: usize = 1 << 20;

impl Dataset {
    /// Reads images and their labels from two IDX files. The features are pixels of 0 to 255, kept as bytes and not yet
    /// scaled, called `pixel0`, `pixel1`, … row by row; the classes are `0` to the largest label.
    ///
    /// # Errors
    /// If a file cannot be read, is compressed, is not IDX of unsigned bytes, or is longer or shorter than its header
    /// says; if there are no images, or not as many labels.
    pub fn from_idx(images: impl AsRef<Path>, labels: impl AsRef<Path>) -> Result<Dataset> {
        let (images, labels) = (Part::read(images.as_ref(), 3)?, Part::read(labels.as_ref(), 1)?);
        let classes = labels.classes();
        dataset(images, labels, classes)
    }

    /// Reads the training and the test images in a folder of four IDX files: `train-images-idx3-ubyte`,
    /// `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, or the same names with a dot
    /// before `idx`. Both have the same classes.
    ///
    /// # Errors
    /// Those of [`from_idx`](Self::from_idx), and if training and test images differ in size.
    pub fn from_idx_folder(folder: impl AsRef<Path>) -> Result<(Dataset, Dataset)> {
        let read = |part: &str| {
            let images = Part::read(&find(folder.as_ref(), &format!("{part}-images"), "idx3-ubyte")?, 3)?;
            let labels = Part::read(&find(folder.as_ref(), &format!("{part}-labels"), "idx1-ubyte")?, 1)?;
            Ok((images, labels))
        };
        let (train, test) = (read("train")?, read("t10k")?);
        if train.0.sizes[1..] != test.0.sizes[1..] {
            let message =
                format!("has images of {:?}, {} of {:?}", &test.0.sizes[1..], train.0.file, &train.0.sizes[1..]);
            return Err(Error::format(test.0.file, message));
        }
        let classes = train.1.classes().max(test.1.classes());
        Ok((dataset(train.0, train.1, classes)?, dataset(test.0, test.1, classes)?))
    }

    /// Reads the test images in a folder of IDX files for a model of this schema: `t10k-images-idx3-ubyte` and
    /// `t10k-labels-idx1-ubyte`, or the same names with a dot before `idx`. No training files are needed.
    ///
    /// # Errors
    /// If a file cannot be read or is not what it should be, as for [`from_idx`](Self::from_idx); if the images have
    /// not as many pixels as the schema has features, or a label is none of the schema's classes.
    pub fn from_idx_test(folder: impl AsRef<Path>, schema: &Schema) -> Result<Dataset> {
        let folder = folder.as_ref();
        let TargetSchema::Classes { classes, .. } = schema.target() else {
            return Err(Error::Mismatch("the model predicts values, and images are labeled with classes".into()));
        };
        let images = Part::read(&find(folder, "t10k-images", "idx3-ubyte")?, 3)?;
        let labels = Part::read(&find(folder, "t10k-labels", "idx1-ubyte")?, 1)?;
        same_count(&images, &labels)?;
        let features = images.features_for(schema)?;
        // Classes may be called 3 and 7: a label is a name, not an index.
        let index = |label: u8| {
            let label = label.to_string();
            classes.iter().position(|class| *class == label).map(|index| index as u32)
        };
        let indices: Vec<Option<u32>> = (0..=255).map(index).collect();
        let known = |(i, &label): (usize, &u8)| {
            indices[usize::from(label)].ok_or_else(|| {
                let (number, known) = (i + 1, listed(classes));
                let message = format!("the label of image {number}, {label}, is not a known class: there are {known}");
                Error::format(&labels.file, message)
            })
        };
        let targets = labels.data.iter().enumerate().map(known).collect::<Result<Vec<u32>>>()?;
        Dataset::new(features, Targets::Classes(targets), schema.clone())
    }
}

impl Features {
    /// Reads the test images in a folder of IDX files for a model of this schema, from `t10k-images-idx3-ubyte`, or the
    /// same name with a dot before `idx`. No other file is needed.
    ///
    /// # Errors
    /// If the file cannot be read or is not what it should be, as for [`Dataset::from_idx`]; if the images have not
    /// as many pixels as the schema has features.
    pub fn from_idx_test(folder: impl AsRef<Path>, schema: &Schema) -> Result<Features> {
        Part::read(&find(folder.as_ref(), "t10k-images", "idx3-ubyte")?, 3)?.features_for(schema)
    }
}

/// Returns the file of this name, with a hyphen or a dot in it.
fn find(folder: &Path, name: &str, ending: &str) -> Result<PathBuf> {
    let paths = ["-", "."].map(|joint| folder.join(format!("{name}{joint}{ending}")));
    if let Some(path) = paths.iter().find(|path| path.exists()) {
        return Ok(path.clone());
    }
    let packed = paths.iter().map(|path| format!("{}.gz", path.display())).find(|path| Path::new(path).exists());
    Err(packed.map_or_else(
        || {
            let names =
                "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte";
            let file = paths[0].file_name().unwrap_or_default().display();
            let message = format!("a folder of images holds the files {names}; {file} is not there");
            Error::format(folder.display().to_string(), message)
        },
        |path| compressed(&path),
    ))
}

/// The content of an IDX file.
pub(super) struct Part {
    file: String,
    sizes: Vec<usize>,
    data: Vec<u8>,
}

impl Part {
    fn read(path: &Path, dimensions: usize) -> Result<Part> {
        let file = path.display().to_string();
        let content = std::fs::read(path).map_err(|source| {
            let packed = format!("{file}.gz");
            if Path::new(&packed).exists() { compressed(&packed) } else { Error::io(path, source) }
        })?;
        Part::parse(content, dimensions, &file)
    }

    /// Reads the header, which may say anything, and removes it from `content`.
    pub(super) fn parse(mut content: Vec<u8>, dimensions: usize, file: &str) -> Result<Part> {
        let fault = |message: String| Err(Error::format(file, message));
        let what = if dimensions == 3 { "images" } else { "labels" };
        match content[..] {
            [0x1F, 0x8B, ..] => return Err(compressed(file)),
            [0, 0, 8, found, ..] if usize::from(found) == dimensions => {}
            [0, 0, 8, found, ..] => {
                let swapped = if found == 1 || found == 3 { ": images and labels are perhaps swapped" } else { "" };
                return fault(format!("is an IDX file of {found} dimensions, where {what} have {dimensions}{swapped}"));
            }
            [0, 0, 9 | 11..=14, ..] => return fault("is an IDX file of other numbers than unsigned bytes".to_string()),
            _ => return fault(format!("is not an IDX file of {what}: it should start with 0 0 8 {dimensions}")),
        }
        let header = 4 + 4 * dimensions;
        let Some(fields) = content.get(4..header) else {
            return fault(format!("is cut off within its header: {} bytes of {header}", content.len()));
        };
        // Four bytes, the highest first; a product that does not fit is more than any file holds.
        let sizes: Vec<u64> =
            fields.chunks_exact(4).map(|field| field.iter().fold(0, |n, &byte| n << 8 | u64::from(byte))).collect();
        let promised = sizes.iter().try_fold(1u64, |product, &size| product.checked_mul(size)).unwrap_or(u64::MAX);
        let there = (content.len() - header) as u64;
        if promised == 0 {
            return fault(format!("holds no {what}: its header says {sizes:?}"));
        }
        if there != promised {
            let verdict = if there < promised { "is cut off" } else { "is longer than it should be" };
            return fault(format!(
                "{verdict}: its header says {sizes:?}, {promised} bytes, and {there} follow; get the file again"
            ));
        }
        content.drain(..header);
        // Each is at most the length of the content.
        let sizes = sizes.into_iter().map(|size| size as usize).collect();
        Ok(Part { file: file.to_string(), sizes, data: content })
    }

    /// Returns images as the features of a model of this schema.
    fn features_for(self, schema: &Schema) -> Result<Features> {
        let (rows, columns, width) = (self.sizes[1], self.sizes[2], schema.width());
        let pixels = rows * columns;
        if pixels != width {
            let message =
                format!("has images of {rows} × {columns}, {pixels} features, where the model has {width} inputs");
            return Err(Error::format(self.file, message));
        }
        Features::from_bytes(width, self.data)
    }

    fn classes(&self) -> usize {
        self.data.iter().max().map_or(0, |&label| usize::from(label) + 1)
    }
}

fn same_count(images: &Part, labels: &Part) -> Result<()> {
    let (count, labeled) = (images.sizes[0], labels.sizes[0]);
    if labeled != count {
        let message = format!("has {labeled} labels for the {count} images in {}", images.file);
        return Err(Error::format(&labels.file, message));
    }
    Ok(())
}

fn dataset(images: Part, labels: Part, classes: usize) -> Result<Dataset> {
    same_count(&images, &labels)?;
    let columns = images.sizes[1] * images.sizes[2];
    if columns > MOST_PIXELS {
        let message = format!("has images of {columns} pixels, where at most {MOST_PIXELS} were expected");
        return Err(Error::format(images.file, message));
    }
    let classes = (0..classes).map(|class| class.to_string()).collect();
    let target = TargetSchema::Classes { name: "label".to_string(), classes };
    let schema = Schema::numbers((0..columns).map(|pixel| format!("pixel{pixel}")), target)
        .map_err(|error| Error::format(&labels.file, error.to_string()))?;
    let features = Features::from_bytes(columns, images.data)?;
    if !is_available(labels.data.len().saturating_mul(4)) {
        return Err(too_large(&labels.file, &format!("{} labels", labels.data.len())));
    }
    Dataset::new(features, Targets::Classes(labels.data.into_iter().map(u32::from).collect()), schema)
}

/// Reads images and labels of two IDX files that are already in memory.
pub fn from_bytes(images: &[u8], labels: &[u8]) -> Result<Dataset> {
    let (images, labels) = (Part::parse(images.to_vec(), 3, "images")?, Part::parse(labels.to_vec(), 1, "labels")?);
    let classes = labels.classes();
    dataset(images, labels, classes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn arbitrary_idx_bytes_do_not_panic(
            images in prop::collection::vec(0u8..9, 0..40),
            labels in prop::collection::vec(any::<u8>(), 0..20),
            header in any::<bool>(),
        ) {
            let (mut i, mut l) = (images.clone(), labels.clone());
            if header {
                i.splice(0..0, [0, 0, 8, 3]);
                l.splice(0..0, [0, 0, 8, 1]);
            }
            let _ = from_bytes(&i, &l);
        }
    }

    #[test]
    fn overflowing_idx_sizes_are_refused() {
        // 2³¹ · 2³¹ · 4 = 2⁶⁴, which is 0 in 64 bits.
        let bytes = [0, 0, 8, 3, 0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 4, 1, 2].to_vec();
        let message = Part::parse(bytes, 3, "images").err().unwrap().to_string();
        assert!(message.starts_with("images: is cut off: its header says [2147483648, 2147483648, 4]"), "{message}");
    }
}
