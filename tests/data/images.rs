//! Folders of IDX files, whole and damaged.

use std::fs;

use palmnet::data::{Features, Schema, TargetSchema};
use palmnet::{Dataset, Matrix};

use crate::support::{Folder, says};

fn images(count: u8) -> Vec<u8> {
    let pixels = (0..count * 2).map(|pixel| pixel * 10);
    [0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 1, 0, 0, 0, 2].into_iter().chain(pixels).collect()
}

fn labels(labels: &[u8]) -> Vec<u8> {
    [&[0, 0, 8, 1, 0, 0, 0, labels.len() as u8], labels].concat()
}

#[test]
fn idx_folder() {
    let folder = Folder::new();
    folder.write("train-images-idx3-ubyte", images(3));
    folder.write("train-labels-idx1-ubyte", labels(&[0, 2, 1]));
    folder.write("t10k-images.idx3-ubyte", images(2));
    folder.write("t10k-labels.idx1-ubyte", labels(&[1, 0]));
    let (train, test) = Dataset::from_idx_folder(&folder.0).unwrap();
    assert_eq!(train.to_matrix(), Matrix::from_rows(&[[0.0, 10.0], [20.0, 30.0], [40.0, 50.0]]));
    assert_eq!((train.labels().unwrap(), test.labels().unwrap()), (&[0, 2, 1][..], &[1, 0][..]));
    assert_eq!(train.schema(), test.schema());
    assert_eq!(test.class_names(), ["0", "1", "2"]);
    assert_eq!(train.schema().input_names(), ["pixel0", "pixel1"]);

    folder.write("t10k-images.idx3-ubyte", [&images(2)[..11], &[2, 0, 0, 0, 1, 1, 2, 3, 4]].concat());
    says(Dataset::from_idx_folder(&folder.0), &["t10k-images.idx3-ubyte: has images of [2, 1]", "of [1, 2]"]);
    fs::remove_file(folder.path("t10k-images.idx3-ubyte")).unwrap();
    says(Dataset::from_idx_folder(&folder.0), &["t10k-images-idx3-ubyte is not there"]);
    let packed = folder.write("t10k-images-idx3-ubyte.gz", b"\x1F\x8B");
    says(Dataset::from_idx_folder(&folder.0), &[&format!("`gunzip -k {}`", packed.display())]);
}

/// The test part alone, read with the schema of an existing model.
#[test]
fn idx_test_part_for_a_schema() {
    let folder = Folder::new();
    let schema = |names: &[&str], classes: &[&str]| {
        let classes = classes.iter().map(|class| class.to_string()).collect();
        Schema::numbers(names.to_vec(), TargetSchema::Classes { name: "label".to_string(), classes }).unwrap()
    };
    let two = schema(&["pixel0", "pixel1"], &["0", "1", "2"]);
    folder.write("t10k-images-idx3-ubyte", images(2));
    let x = Matrix::from_rows(&[[0.0, 10.0], [20.0, 30.0]]);
    // Images are enough to predict.
    let features = Features::from_idx_test(&folder.0, &two).unwrap();
    says(Dataset::from_idx_test(&folder.0, &two), &["t10k-labels-idx1-ubyte"]);
    folder.write("t10k-labels-idx1-ubyte", labels(&[1, 0]));
    let data = Dataset::from_idx_test(&folder.0, &two).unwrap();
    assert_eq!((data.to_matrix(), data.labels().unwrap(), data.schema()), (x.clone(), &[1, 0][..], &two));
    assert!(data.features().is_bytes() && data.features() == &features);
    // Labels are looked up by class name.
    let named = schema(&["a", "b"], &["1", "7", "0"]);
    assert_eq!(Dataset::from_idx_test(&folder.0, &named).unwrap().labels().unwrap(), [0, 2]);
    let file = "t10k-labels-idx1-ubyte: the label of image 2, 0, is not a known class: there are `1`, `7`";
    says(Dataset::from_idx_test(&folder.0, &schema(&["a", "b"], &["1", "7"])), &[file]);
    let wide = schema(&["a", "b", "c"], &["0", "1"]);
    let message = "t10k-images-idx3-ubyte: has images of 1 × 2, 2 features, where the model has 3 inputs";
    says(Dataset::from_idx_test(&folder.0, &wide), &[message]);
    says(Features::from_idx_test(&folder.0, &wide), &[message]);
    let values = Schema::numbers(["a", "b"], TargetSchema::Values { names: vec!["y".to_string()] }).unwrap();
    says(Dataset::from_idx_test(&folder.0, &values), &["predicts values"]);
    folder.write("t10k-labels-idx1-ubyte", labels(&[1, 0, 1]));
    says(Dataset::from_idx_test(&folder.0, &two), &["has 3 labels for the 2 images"]);
}

#[test]
fn damaged_idx_files_are_errors() {
    let folder = Folder::new();
    let good_labels = folder.write("labels", labels(&[0, 1]));
    let good_images = folder.write("images", images(2));
    assert!(Dataset::from_idx(&good_images, &good_labels).is_ok());
    let with_images = |content: &[u8], parts: &[&str]| {
        says(Dataset::from_idx(folder.write("bad", content), &good_labels), &[&["bad: "], parts].concat());
    };
    with_images(b"", &["is not an IDX file of images"]);
    with_images(b"a,b\n1,2\n", &["is not an IDX file of images"]);
    with_images(&images(2)[..9], &["is cut off within its header: 9 bytes of 16"]);
    with_images(&images(2)[..19], &["is cut off: its header says [2, 1, 2], 4 bytes, and 3 follow"]);
    with_images(&[&images(2)[..], &[0]].concat(), &["is longer than it should be", "4 bytes, and 5 follow"]);
    with_images(&[&[0, 0, 8, 3], &[0xFF; 12][..]].concat(), &["is cut off"]);
    // 2³² - 1 images of size 0 contain nothing.
    with_images(&[&[0, 0, 8, 3], &[0xFF; 8][..], &[0; 4]].concat(), &["holds no images"]);
    with_images(&images(0), &["holds no images"]);
    with_images(&labels(&[1, 2]), &["of 1 dimensions, where images have 3", "swapped"]);
    with_images(&[&[0, 0, 0x0D, 3], &[0; 20][..]].concat(), &["other numbers than unsigned bytes"]);
    with_images(b"\x1F\x8B\x08\0", &["is compressed", "gunzip -k "]);
    says(Dataset::from_idx(folder.write("three", images(3)), &good_labels), &["labels: has 2 labels for the 3 images"]);
    let wide = [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0x10, 0, 1, 0, 0, 0, 1][..], &vec![0; 2 * 0x10_0001]].concat();
    with_images(&wide, &["has images of 1048577 pixels"]);
    let same = folder.write("same", labels(&[0, 0]));
    says(Dataset::from_idx(&good_images, same), &["same: ", "only one class"]);
    says(Dataset::from_idx(folder.path("none"), &good_labels), &["none: "]);
    folder.write("packed.gz", b"\x1F\x8B");
    let packed = folder.path("packed");
    says(Dataset::from_idx(&packed, &good_labels), &[&format!("`gunzip -k {}.gz`", packed.display())]);
}
