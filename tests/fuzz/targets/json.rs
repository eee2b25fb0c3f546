//! JSON: what is read and printed is read as the same again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use palmnet::unversioned::Json;
use palmnet_fuzz as _; // Its allocator.

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(json) = Json::parse(text) else { return };
    let printed = json.to_string();
    let again = Json::parse(&printed).expect("printed JSON is JSON");
    assert_eq!(again.to_string(), printed);
});
