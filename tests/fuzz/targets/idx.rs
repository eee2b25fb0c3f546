//! Images and labels in IDX files. The byte 0xFE separates them; the headers are put before them, if the first byte is
//! even.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::{Corpus, fuzz_target};
use palmnet::Dataset;
use palmnet::fuzzing::idx_from_bytes;

/// More bytes only name more pixels.
const MOST_BYTES: usize = 256;

/// A folder with the two files, both under the names of training and of test images.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = palmnet_fuzz::folder("idx");
    for (part, kind) in [("images", "idx3"), ("labels", "idx1")] {
        let path = folder.join(format!("train-{part}-{kind}-ubyte"));
        std::fs::write(&path, "").unwrap();
        std::fs::hard_link(path, folder.join(format!("t10k-{part}.{kind}-ubyte"))).unwrap();
    }
    folder
});

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let [first, content @ ..] = bytes else { return Corpus::Keep };
    if bytes.len() > MOST_BYTES {
        return Corpus::Reject;
    }
    let mut parts = content.splitn(2, |&byte| byte == 0xFE);
    let (images, labels) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (mut images, mut labels) = (images.to_vec(), labels.to_vec());
    if first % 2 == 0 {
        // Sizes that fit: the first byte says how many images, of one row.
        let count = usize::from(first / 2 % 8) + 1;
        let width = images.len() / count;
        images.truncate(count * width);
        labels.resize(count, 3);
        let size = |n: usize| (n as u32).to_be_bytes();
        images.splice(0..0, [[0, 0, 8, 3], size(count), size(1), size(width)].concat());
        labels.splice(0..0, [[0, 0, 8, 1], size(count)].concat());
    }
    let Ok(data) = idx_from_bytes(&images, &labels) else { return Corpus::Keep };
    assert_eq!(data.to_matrix().as_slice().len() + 16, images.len());
    assert_eq!(data.labels().unwrap().len() + 8, labels.len());
    // Some are written into files, and read from there.
    if images.len() % 16 == 0 {
        let paths = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"].map(|name| FOLDER.join(name));
        std::fs::write(&paths[0], &images).unwrap();
        std::fs::write(&paths[1], &labels).unwrap();
        assert!(Dataset::from_idx(&paths[0], &paths[1]).unwrap() == data);
        let (train, test) = Dataset::from_idx_folder(&*FOLDER).expect("it is a pair of the same files");
        assert!(train == data && test == data);
        assert!(Dataset::from_idx_test(&*FOLDER, data.schema()).unwrap() == data);
    }
    Corpus::Keep
});
