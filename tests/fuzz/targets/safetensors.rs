//! Safetensors: what is read and written is read as the same again. If the first byte is even, the length of the header,
//! which ends at the first byte 0xFF, is put before it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use palmnet::unversioned::Safetensors;

fuzz_target!(|bytes: &[u8]| {
    let [first, content @ ..] = bytes else { return };
    let file = if first % 2 == 0 { palmnet_fuzz::with_length(content) } else { content.to_vec() };
    let Ok(read) = Safetensors::from_bytes(&file, "file") else { return };
    let written = read.to_bytes();
    let again = Safetensors::from_bytes(&written, "file").expect("it was written");
    assert_eq!(again.to_bytes(), written);
});
