//! Images and labels in IDX files. The byte 0xFE separates them; the headers are put before them, if the first byte is
//! even.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use palmnet::Dataset;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| palmnet_fuzz::folder("idx"));

fuzz_target!(|bytes: &[u8]| {
    let [first, content @ ..] = bytes else { return };
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
    let paths = [FOLDER.join("images"), FOLDER.join("labels")];
    std::fs::write(&paths[0], &images).unwrap();
    std::fs::write(&paths[1], &labels).unwrap();
    if let Ok(data) = Dataset::from_idx(&paths[0], &paths[1]) {
        assert_eq!(data.to_matrix().as_slice().len() + 16, images.len());
        assert_eq!(data.labels().unwrap().len() + 8, labels.len());
    }
});
